import { parseArn } from '../../../shared/core/arn.ts';
import { stackCommand } from './diagnose.ts';
import type { StackVerdict } from './drift-verdict.ts';
import type { StackState } from '../../../shared/aws/cloudformation.ts';

/** The stack's page of differences in AWS's console; undefined when its id tells no region. */
export function consoleLink({ id }: Pick<StackState, 'id'>): string | undefined {
  const arn = parseArn(id);
  const domain = consoles[arn?.partition ?? ''];
  if (arn === undefined || arn.region === '' || domain === undefined) return undefined;
  const { region } = arn;
  return `https://${region}.${domain}/cloudformation/home?region=${region}#/stacks/drifts?stackId=${encodeURIComponent(id)}`;
}

const consoles: Readonly<Record<string, string>> = {
  aws: 'console.aws.amazon.com',
  'aws-cn': 'console.amazonaws.cn',
  'aws-us-gov': 'console.amazonaws-us-gov.com',
};

/** Shows the same differences, in full. */
export function lookCommand({ spec }: StackVerdict, state: StackState): string {
  return `${stackCommand('describe-stack-resource-drifts', spec, state)} --stack-resource-drift-status-filters MODIFIED DELETED`;
}

const changeSet = 'slipway-revert-drift';

/**
 * Commands by which CloudFormation puts back what the stack's own template and parameters say; an ordinary change set compares templates
 * only. https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/drift-aware-change-sets.html
 */
export function revertCommands(verdict: StackVerdict, state: StackState): readonly string[] {
  const { spec } = verdict;
  const named = (verb: string): string => `${stackCommand(verb, spec, state)} --change-set-name ${changeSet}`;
  const parameters = [...state.parameters.keys()].map((name) =>
    name === 'ServiceTaskDefinition' ? serviceParameter(verdict) : `ParameterKey=${name},UsePreviousValue=true`,
  );
  return [
    `${named('create-change-set')} --deployment-mode REVERT_DRIFT --use-previous-template --capabilities CAPABILITY_NAMED_IAM${parameters.length === 0 ? '' : ` --parameters ${parameters.join(' ')}`}`,
    named('wait change-set-create-complete'),
    `${named('describe-change-set')} --include-property-values`,
    named('execute-change-set'),
  ];
}

/** The revision the stack knows may be an old one: what a deployment has made of it must not be put back. */
function serviceParameter({ spec, expected, unknown }: StackVerdict): string {
  const deployed = expected.find(
    ({ type, difference }) => type === 'AWS::ECS::Service' && difference.path === '/TaskDefinition',
  )?.difference.actual;
  if (deployed !== undefined && taskDefinition.test(deployed))
    return `ParameterKey=ServiceTaskDefinition,ParameterValue=${deployed}`;
  const isUnknown = unknown.some(
    ({ logicalId }) => logicalId === undefined || spec.template.resources.get(logicalId)?.type === 'AWS::ECS::Service',
  );
  return deployed !== undefined || isUnknown
    ? "'ParameterKey=ServiceTaskDefinition,ParameterValue=<ARN of the revision that the service runs>'"
    : 'ParameterKey=ServiceTaskDefinition,UsePreviousValue=true';
}

const taskDefinition = /^arn:aws[a-z-]*:ecs:[a-z0-9-]+:\d{12}:task-definition\/[\w-]+:\d+$/;
