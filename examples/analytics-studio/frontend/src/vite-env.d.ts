/// <reference types="vite/client" />

interface ImportMetaEnv {
  /** Where the API is, without a trailing slash. Left out, it is where the site is. */
  readonly VITE_API_URL?: string;
}
