/**
 * Lengths of time as people write them: `3d`, `1h30m`, `500ms`, or ISO 8601's `P3D`, `PT12H`; `0` alone is zero.
 * Months and years are refused, since they have no fixed length; a week and a day do (everything is UTC).
 */
export const DURATION =
  /^(?=[0-9P])(?:0|(?:\d+w)?(?:\d+d)?(?:\d+h)?(?:\d+m)?(?:\d+s)?(?:\d+ms)?|P(?=.)(?:\d+W)?(?:\d+D)?(?:T(?=\d)(?:\d+H)?(?:\d+M)?(?:\d+S)?)?)$/;

const UNIT_MS: Readonly<Record<string, number>> = {
  w: 604_800_000,
  d: 86_400_000,
  h: 3_600_000,
  m: 60_000,
  s: 1_000,
  ms: 1,
};

export type ParsedDuration =
  | { readonly ok: true; readonly ms: number }
  | { readonly ok: false; readonly why: string; readonly hint: string };

export function parseDuration(text: string): ParsedDuration {
  if (!DURATION.test(text)) return refuse(text);
  let ms = 0;
  // The pattern fixed the order, so that an ISO `M` can only be minutes.
  for (const [, count = '', unit = ''] of text.toLowerCase().matchAll(/(\d+)(ms|[wdhms])/g)) {
    ms += Number(count) * (UNIT_MS[unit] ?? Number.NaN);
  }
  if (!Number.isSafeInteger(ms))
    return { ok: false, why: `"${text}" is longer than can be counted`, hint: 'write a shorter time' };
  return { ok: true, ms };
}

const CALENDAR = /^(?:\d+(?:mo|mon|mths?|months?|y|yr|yrs|years?)|P\d+[MY].*)$/i;
const HINT = 'write it like 3d, 72h, 1h30m, P3D or PT12H';

function refuse(text: string): ParsedDuration {
  if (CALENDAR.test(text))
    return {
      ok: false,
      why: `"${text}" has no fixed length: months and years differ`,
      hint: 'write days, as in 30d or 365d',
    };
  if (/^\d+(?:\.\d+)?$/.test(text)) return { ok: false, why: `"${text}" does not say of what`, hint: HINT };
  return { ok: false, why: `"${text}" is not a length of time`, hint: HINT };
}
