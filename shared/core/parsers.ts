import { parseArn } from './arn.ts';
import { isImageTag, parseImageRef } from './image-ref.ts';

/** How one text is read: `parse` gives undefined when the text is not `accepted`. */
export interface Parser<T> {
  /** What is accepted, in words, with an example where that helps. */
  readonly accepted: string;
  parse(text: string): T | undefined;
}

export function matching(pattern: RegExp, accepted: string): Parser<string> {
  return { accepted, parse: (text) => (pattern.test(text) ? text : undefined) };
}

export function oneOf<const T extends string>(values: readonly T[]): Parser<T> {
  return {
    accepted: values.map((value) => `"${value}"`).join(', '),
    parse: (text) => values.find((value) => value === text),
  };
}

/** Whole numbers only, decimal digits. */
export function integer(min: number, max: number): Parser<number> {
  return {
    accepted: `a whole number from ${min} to ${max}`,
    parse: (text) => {
      if (!/^-?\d{1,15}$/.test(text)) return undefined;
      const value = Number(text);
      return value >= min && value <= max ? value : undefined;
    },
  };
}

export const anyText: Parser<string> = { accepted: 'any text', parse: (text) => text };

/** The booleans of YAML 1.2's core schema, as @actions/core reads them. */
export const boolean: Parser<boolean> = {
  accepted: '"true" or "false"',
  parse: (text) => {
    if (['true', 'True', 'TRUE'].includes(text)) return true;
    return ['false', 'False', 'FALSE'].includes(text) ? false : undefined;
  },
};

export const region = matching(/^[a-z]{2}(?:-[a-z]+)+-\d{1,2}$/, 'an AWS region such as "us-east-1"');

export const roleArn: Parser<string> = {
  accepted: 'the ARN of an IAM role, "arn:aws:iam::123456789012:role/name"',
  parse: (text) => {
    const arn = parseArn(text);
    return arn?.service === 'iam' && arn.account !== '' && arn.resource.startsWith('role/') ? text : undefined;
  },
};

export const imageTag: Parser<string> = {
  accepted: 'a tag of letters, digits, "_", "." and "-", at most 128 characters, not starting with "." or "-"',
  parse: (text) => (isImageTag(text) ? text : undefined),
};

/** An image with a tag or a digest; without either Docker would silently read `latest`. */
export const deployableImage: Parser<string> = {
  accepted: 'an image with a digest or a tag, e.g. "123456789012.dkr.ecr.us-east-1.amazonaws.com/app@sha256:…"',
  parse: (text) => {
    const image = parseImageRef(text);
    return image !== undefined && (image.tag !== undefined || image.digest !== undefined) ? text : undefined;
  },
};
