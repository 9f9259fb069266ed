import {
  DescribeLoadBalancersCommand,
  DescribeTargetGroupsCommand,
  DescribeTargetHealthCommand,
  ElasticLoadBalancingV2Client,
} from '@aws-sdk/client-elastic-load-balancing-v2';
import { isAwsError } from '../core/errors.ts';
import { connect, type SdkConfig } from './sdk-config.ts';

export interface TargetState {
  readonly id: string;
  readonly port: number | undefined;
  /** `healthy`, `unhealthy`, `initial`, `draining`, `unused` … */
  readonly state: string;
  /** `Target.FailedHealthChecks`, `Target.Timeout` … */
  readonly reason: string;
  readonly description: string;
}

export interface LoadBalancers {
  targetHealth(targetGroupArn: string): Promise<readonly TargetState[]>;
}

export function loadBalancers(config: SdkConfig): LoadBalancers {
  const elb = connect(ElasticLoadBalancingV2Client, config);
  return {
    async targetHealth(targetGroupArn) {
      const { TargetHealthDescriptions = [] } = await elb.send(
        new DescribeTargetHealthCommand({ TargetGroupArn: targetGroupArn }),
      );
      return TargetHealthDescriptions.map(({ Target, TargetHealth }) => ({
        id: Target?.Id ?? '',
        port: Target?.Port,
        state: TargetHealth?.State ?? '',
        reason: TargetHealth?.Reason ?? '',
        description: TargetHealth?.Description ?? '',
      }));
    },
  };
}

export interface TargetGroup {
  /** `ip`, `instance`, `lambda` or `alb` */
  readonly type: string;
  /** `HTTP`, `HTTPS`, `TCP`, `TLS`, `UDP`, `TCP_UDP` … */
  readonly protocol: string;
  /** The load balancers that route to it, by a listener or a listener's rule. */
  readonly loadBalancers: readonly string[];
}

export interface TargetGroups {
  /** Undefined when there is no such target group. */
  targetGroup(arn: string): Promise<TargetGroup | undefined>;
  /** The Availability Zones a load balancer is enabled in. */
  zones(loadBalancerArn: string): Promise<readonly string[]>;
}

export function targetGroups(config: SdkConfig): TargetGroups {
  const elb = connect(ElasticLoadBalancingV2Client, config);
  return {
    async targetGroup(arn) {
      try {
        const { TargetGroups: found = [] } = await elb.send(
          new DescribeTargetGroupsCommand({ TargetGroupArns: [arn] }),
        );
        return found.map(({ TargetType = '', Protocol = '', LoadBalancerArns = [] }) => ({
          type: TargetType,
          protocol: Protocol,
          loadBalancers: LoadBalancerArns,
        }))[0];
      } catch (error) {
        if (isAwsError(error, 'TargetGroupNotFoundException', 'TargetGroupNotFound')) return undefined;
        throw error;
      }
    },

    async zones(loadBalancerArn) {
      const { LoadBalancers: found = [] } = await elb.send(
        new DescribeLoadBalancersCommand({ LoadBalancerArns: [loadBalancerArn] }),
      );
      return found.flatMap(({ AvailabilityZones = [] }) => AvailabilityZones.flatMap(({ ZoneName }) => ZoneName ?? []));
    },
  };
}
