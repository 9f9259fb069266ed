import type { SdkConfig, SdkEnvironment, SdkOptions } from './sdk-config.ts';

/** `sdkConfig`, loaded and made when it is asked for. */
export function lateSdkConfig(options: SdkOptions, environment: SdkEnvironment): () => Promise<SdkConfig> {
  let config: Promise<SdkConfig> | undefined;
  return () => (config ??= import('./sdk-config.ts').then(({ sdkConfig }) => sdkConfig(options, environment)));
}
