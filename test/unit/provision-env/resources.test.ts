import { runInNewContext } from 'node:vm';
import { describe, expect, test } from '@jest/globals';
import { movingTags } from '../../../actions/build-push-image/src/plan.ts';
import { readTemplates } from '../../../actions/provision-env/src/templates.ts';
import { evaluate, type Tree } from './evaluate.ts';

const templates = readTemplates();
const foundation = evaluate(templates.foundation.text);
const app = evaluate(templates.app.text);

describe('the image repository', () => {
  test('lets exactly those tags move that build-push-image moves', () => {
    const { ImageTagMutability, ImageTagMutabilityExclusionFilters: filters } = foundation.Repository.Properties;
    expect(ImageTagMutability).toBe('IMMUTABLE_WITH_EXCLUSION');
    expect(filters).toEqual(
      movingTags.map((tag) => ({
        ImageTagMutabilityExclusionFilterType: 'WILDCARD',
        ImageTagMutabilityExclusionFilterValue: tag,
      })),
    );
    // ECR's limits: five filters, two wildcards in each.
    expect(filters.length).toBeLessThanOrEqual(5);
    for (const tag of movingTags) expect(tag.split('*').length - 1).toBeLessThanOrEqual(2);
  });
});

describe('the routing of the single-page app', () => {
  test.each([
    ['/', '/index.html'],
    ['/dashboards/7', '/index.html'],
    ['/v1.2/reports', '/index.html'],
    ['/assets/app.1f2e.js', '/assets/app.1f2e.js'],
    ['/.well-known/apple-app-site-association', '/.well-known/apple-app-site-association'],
    ['/.well-known/security.txt', '/.well-known/security.txt'],
    ['/docs/.well-known/x', '/index.html'],
    ['/.well-knownish', '/.well-knownish'],
  ])('takes %s to %s', (uri, goal) => {
    const { FunctionCode, AutoPublish } = app.SpaRouting.Properties;
    const request = runInNewContext(
      `${FunctionCode}; handler({ request: { uri: ${JSON.stringify(uri)} } })`,
    ) as unknown;
    expect(request).toEqual({ uri: goal });
    expect(AutoPublish).toBe(true);
  });
});

describe('the load balancer lets in', () => {
  const ingress = (given: Readonly<Record<string, string>>): unknown =>
    evaluate(templates.app.text, given).LoadBalancerSecurityGroup.Properties.SecurityGroupIngress;

  test('CloudFront alone without a domain, by the list it is told', () => {
    expect(ingress({ CloudFrontPrefixListId: 'pl-1' })).toEqual([
      { IpProtocol: 'tcp', FromPort: 80, ToPort: 80, SourcePrefixListId: 'pl-1', Description: 'HTTP from CloudFront' },
    ]);
  });

  test('everyone with a domain', () => {
    expect(ingress({ Domain: 'example.com' })).toEqual([
      { IpProtocol: 'tcp', FromPort: 443, ToPort: 443, CidrIp: '0.0.0.0/0', Description: 'HTTPS' },
      { IpProtocol: 'tcp', FromPort: 80, ToPort: 80, CidrIp: '0.0.0.0/0', Description: 'HTTP, redirected' },
    ]);
  });

  test('in any region: nothing is looked up in a table', () => {
    expect(templates.app.text).not.toMatch(/FindInMap|^Mappings:/m);
  });
});

describe('uploads', () => {
  test('that were begun and never finished cost nothing for long', () => {
    expect(foundation.UploadsBucket.Properties.LifecycleConfiguration.Rules).toContainEqual({
      Id: 'AbortUploads',
      Status: 'Enabled',
      AbortIncompleteMultipartUpload: { DaysAfterInitiation: 7 },
    });
  });

  test('are all the application may touch, and it may give one up', () => {
    const policies = app.TaskRole.Properties.Policies as Tree[];
    expect(policies.flatMap(({ PolicyDocument }): unknown[] => PolicyDocument.Statement)).toEqual([
      {
        Effect: 'Allow',
        Action: ['s3:GetObject', 's3:PutObject', 's3:DeleteObject', 's3:AbortMultipartUpload'],
        Resource: 'arn:aws:s3:::<UploadsBucket>/*',
      },
      { Effect: 'Allow', Action: 's3:ListBucket', Resource: 'arn:aws:s3:::<UploadsBucket>' },
    ]);
  });
});
