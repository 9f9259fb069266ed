import { DescribeTargetHealthCommand, ElasticLoadBalancingV2Client } from '@aws-sdk/client-elastic-load-balancing-v2';
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
