import type { Parser } from './parsers.ts';

export const bucketName: Parser<string> = {
  accepted: 'the name of an S3 bucket: 3 to 63 lower-case letters, digits, "-" and ".", without "s3://"',
  parse: (text) => (/^(?!.*\.\.)[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(text) ? text : undefined),
};

/** A folder of a bucket, read with one slash at its end, so that `app` is never taken for the beginning of `app-2`. */
export const keyPrefix: Parser<string> = {
  accepted:
    'a folder in the bucket such as "app" or "sites/app", without a leading "/", empty or dotted parts, "*" or "?"',
  parse: (text) => {
    const parts = text.replace(/\/$/, '').split('/');
    const isGood = parts.every((part) => /^[^.\s\p{Cc}*?][^\p{Cc}*?]*$/u.test(part)) && text.length <= 512;
    return isGood ? `${parts.join('/')}/` : undefined;
  },
};
