/**
 * The predicate language of filter and selection: `battery < 30 & mode = hold`, `stale or not group alpha`,
 * `near 270,-150,40`, `(type scout | type quad) & altitude > 20`. A word that is no keyword matches part of a drone's id.
 * The server understands the same as `{"where": …}`; `test/fixtures/predicates.json` is the table that both are tested with.
 * Only `selected` and the empty filter, which lets every drone through, are known here alone.
 *
 *   or     := and (("or" | "|") and)*
 *   and    := not (("and" | "&")? not)*          two terms side by side mean both
 *   not    := ("not" | "!") not | "(" or ")" | term
 *   term   := field op value | list-field value | "near" e,n,r | flag | text
 */
import { alertOf, ARMED_BIT, BAD_DATA_BIT, batteryOf, climbOf, eastOf, flagsOf, headingOf, LANDED, landedOf, LINK_LOST_BIT, modeName, MODES, modeOf, northOf, silenceMsOf, speedOf, upOf } from '../proto/decode';
import type { Frame } from '../proto/decode';

/** What a predicate may look at. */
export interface QueryContext {
  frame: Frame;
  ids: readonly string[];
  types: readonly string[];
  groups: readonly (string | null)[];
  selected: (slot: number) => boolean;
}

export type Predicate = (c: QueryContext, slot: number) => boolean;
export type Parsed = { ok: true; test: Predicate } | { ok: false; message: string; at: number };

const NUMBERS: Record<string, (f: Frame, slot: number) => number> = {
  battery: batteryOf,
  altitude: upOf,
  alt: upOf,
  speed: speedOf,
  climb: climbOf,
  heading: headingOf,
  east: eastOf,
  north: northOf,
  age: (f, slot) => silenceMsOf(f, slot) / 1000,
};

const TEXTS: Record<string, (c: QueryContext, slot: number) => string> = {
  mode: (c, slot) => modeName(modeOf(c.frame, slot)),
  type: (c, slot) => c.types[slot] ?? '',
  group: (c, slot) => c.groups[slot] ?? '',
  id: (c, slot) => c.ids[slot] ?? '',
};

/** Words that stand alone as well: `landed`, `armed`. */
const STATES: Record<string, (c: QueryContext, slot: number) => string> = {
  landed: (c, slot) => LANDED[landedOf(c.frame, slot)],
  armed: (c, slot) => String((flagsOf(c.frame, slot) & ARMED_BIT) !== 0),
};
/** Values that a field can have; anything else is a slip. */
const VALUES: Record<string, readonly string[]> = { mode: MODES, landed: LANDED, armed: ['true', 'false'] };
const SAME = new Set(['=', '==', '!=']);

export const STALE_MS = 1000;

const FLAGS: Record<string, Predicate> = {
  stale: (c, slot) => silenceMsOf(c.frame, slot) > STALE_MS || (flagsOf(c.frame, slot) & LINK_LOST_BIT) !== 0,
  lost: (c, slot) => (flagsOf(c.frame, slot) & LINK_LOST_BIT) !== 0,
  bad: (c, slot) => (flagsOf(c.frame, slot) & BAD_DATA_BIT) !== 0,
  armed: (c, slot) => (flagsOf(c.frame, slot) & ARMED_BIT) !== 0,
  flying: (c, slot) => landedOf(c.frame, slot) !== 0,
  landed: (c, slot) => landedOf(c.frame, slot) === 0,
  caution: (c, slot) => alertOf(c.frame, slot) === 2,
  warning: (c, slot) => alertOf(c.frame, slot) >= 3,
  alert: (c, slot) => alertOf(c.frame, slot) >= 2,
  selected: (c, slot) => c.selected(slot),
};

interface Token {
  text: string;
  at: number;
}

class QueryError extends Error {
  constructor(
    message: string,
    readonly at: number,
  ) {
    super(message);
  }
}

function tokens(source: string): Token[] {
  const found: Token[] = [];
  const pattern = /\s*(<=|>=|!=|==|[()&|!=<>]|[^\s()&|!<>=]+)/gy;
  while (pattern.lastIndex < source.trimEnd().length) {
    const before = pattern.lastIndex;
    const match = pattern.exec(source);
    if (!match) throw new QueryError('cannot read this', before);
    found.push({ text: match[1], at: before + match[0].length - match[1].length });
  }
  return found;
}

/** Decimal only, as the server reads them. */
const NUMBER = /^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i;

const COMPARE: Record<string, (a: number, b: number) => boolean> = {
  '<': (a, b) => a < b,
  '>': (a, b) => a > b,
  '<=': (a, b) => a <= b,
  '>=': (a, b) => a >= b,
  '=': (a, b) => Math.abs(a - b) < 1e-6,
  '==': (a, b) => Math.abs(a - b) < 1e-6,
  '!=': (a, b) => Math.abs(a - b) >= 1e-6,
};

class Parser {
  private at = 0;
  constructor(
    private readonly list: Token[],
    private readonly end: number,
  ) {}

  private peek(): string {
    return this.list[this.at]?.text.toLowerCase() ?? '';
  }
  private place(): number {
    return this.list[this.at]?.at ?? this.end;
  }
  private take(): string {
    return this.list[this.at++]?.text ?? '';
  }

  whole(): Predicate {
    const test = this.or();
    if (this.at < this.list.length) throw new QueryError(`"${this.peek()}" is not expected here`, this.place());
    return test;
  }

  private or(): Predicate {
    let left = this.and();
    while (this.peek() === 'or' || this.peek() === '|') {
      this.take();
      const [a, b] = [left, this.and()];
      left = (c, slot) => a(c, slot) || b(c, slot);
    }
    return left;
  }

  private and(): Predicate {
    let left = this.not();
    for (;;) {
      const next = this.peek();
      if (next === 'and' || next === '&') this.take();
      else if (next === '' || next === ')' || next === '|' || next === 'or') return left;
      const [a, b] = [left, this.not()];
      left = (c, slot) => a(c, slot) && b(c, slot);
    }
  }

  private not(): Predicate {
    if (this.peek() === 'not' || this.peek() === '!') {
      this.take();
      const test = this.not();
      return (c, slot) => !test(c, slot);
    }
    if (this.peek() === '(') {
      const open = this.place();
      this.take();
      const test = this.or();
      if (this.take() !== ')') throw new QueryError('the parenthesis is not closed', open);
      return test;
    }
    return this.term();
  }

  private term(): Predicate {
    const place = this.place();
    const word = this.peek();
    if (word === '') throw new QueryError('a condition is missing', place);
    if (/^[)&|<>=!]/.test(word)) throw new QueryError(`"${word}" is not expected here`, place);
    this.take();
    if (Object.hasOwn(NUMBERS, word)) return this.comparison(word, NUMBERS[word]);
    if (Object.hasOwn(TEXTS, word)) return this.equality(word, TEXTS[word]);
    if (word === 'near') return this.near();
    if (Object.hasOwn(STATES, word) && SAME.has(this.peek())) return this.equality(word, STATES[word]);
    if (Object.hasOwn(FLAGS, word)) return FLAGS[word];
    if (!/^[\p{Alphabetic}\p{N}_.-]+$/u.test(word)) throw new QueryError(`"${word}" is no condition; write for example battery < 30, mode = hold, or part of an id`, place);
    return (c, slot) => (c.ids[slot] ?? '').toLowerCase().includes(word);
  }

  private comparison(field: string, read: (f: Frame, slot: number) => number): Predicate {
    const op = this.take();
    if (!Object.hasOwn(COMPARE, op)) throw new QueryError(`${field} needs <, >, <=, >=, = or != and a number`, this.place());
    const place = this.place();
    const raw = this.take().replace(/%$/, '');
    const value = NUMBER.test(raw) ? Number(raw) : NaN;
    if (!Number.isFinite(value)) throw new QueryError(`${field} is compared with a number`, place);
    const compare = COMPARE[op];
    // Unknown values are NaN and match nothing, not even "!=".
    return (c, slot) => {
      const actual = read(c.frame, slot);
      return !Number.isNaN(actual) && compare(actual, value);
    };
  }

  private equality(field: string, read: (c: QueryContext, slot: number) => string): Predicate {
    let differs = false;
    if (SAME.has(this.peek())) differs = this.take() === '!=';
    const place = this.place();
    const value = this.take().toLowerCase().replace(/^["']+|["']+$/g, '');
    if (value === '' || /^[()&|<>=!]/.test(value)) throw new QueryError(`${field} needs a name`, place);
    const values = VALUES[field];
    if (values && !values.includes(value)) throw new QueryError(`"${value}" is not one of ${values.join(', ')}`, place);
    return (c, slot) => (read(c, slot).toLowerCase() === value) !== differs;
  }

  private near(): Predicate {
    const place = this.place();
    let text = '';
    while (text.split(',').filter((part) => part !== '').length < 3 && /^[-+.\d,]+$/.test(this.peek())) text += (text && !text.endsWith(',') ? ',' : '') + this.take();
    const numbers = text.split(',').filter((part) => part !== '').map((part) => (NUMBER.test(part) ? Number(part) : NaN));
    if (numbers.length !== 3 || numbers.some((n) => !Number.isFinite(n))) throw new QueryError('near needs east, north and a radius in metres', place);
    const [e, n, r] = numbers;
    return (c, slot) => Math.hypot(eastOf(c.frame, slot) - e, northOf(c.frame, slot) - n) <= r;
  }
}

/** An empty query matches every drone. */
export function parseQuery(source: string): Parsed {
  if (source.trim() === '') return { ok: true, test: () => true };
  try {
    return { ok: true, test: new Parser(tokens(source), source.length).whole() };
  } catch (error) {
    if (error instanceof QueryError) return { ok: false, message: error.message, at: error.at };
    throw error;
  }
}
