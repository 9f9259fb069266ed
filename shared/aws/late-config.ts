import type { SdkConfig, SdkEnvironment, SdkOptions } from './sdk-config.ts';

/** `sdkConfig`, loaded and made when it is asked for. */
export function lateSdkConfig(options: SdkOptions, environment: SdkEnvironment): () => Promise<SdkConfig> {
  return async () => (await import('./sdk-config.ts')).sdkConfig(options, environment);
}
