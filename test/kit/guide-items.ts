import type { GuideItem } from './guide.ts';
import { dataItems } from './guide-data.ts';
import { monitoringItems } from './guide-monitoring.ts';
import { networkItems } from './guide-network.ts';
import { securityItems } from './guide-security.ts';
import { servingItems } from './guide-serving.ts';

/** Every item of the guide that an environment has, or leaves out on purpose. */
export const guideItems: readonly GuideItem[] = [
  ...networkItems,
  ...dataItems,
  ...servingItems,
  ...securityItems,
  ...monitoringItems,
];
