import { describe, expect, test } from '@jest/globals';
import { movingTags } from '../../../actions/build-push-image/src/plan.ts';
import { readTemplates } from '../../../actions/provision-env/src/templates.ts';
import { evaluate } from './evaluate.ts';

const templates = readTemplates();
const foundation = evaluate(templates.foundation.text);

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
