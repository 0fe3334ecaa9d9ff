/** What this build is: baked in by tools/compile.mjs; a run from source knows only that it is one. */

declare const BUILD_VERSION: string | undefined;
declare const BUILD_COMMIT: string | undefined;
declare const BUILD_DATE: string | undefined;

export interface BuildInfo {
  readonly version: string;
  readonly commit: string;
  /** RFC 3339, UTC, whole seconds. */
  readonly date: string;
}

export const BUILD: BuildInfo = {
  version: typeof BUILD_VERSION === "string" ? BUILD_VERSION : "0.1.0-source",
  commit: typeof BUILD_COMMIT === "string" ? BUILD_COMMIT : "source",
  date: typeof BUILD_DATE === "string" ? BUILD_DATE : "1970-01-01T00:00:00Z",
};
