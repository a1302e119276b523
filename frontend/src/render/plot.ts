/** Lines over simulated time on a small canvas: what timeline and plots share. */
import { fixed } from '../format';
import { SEARCH_M, type Mark } from '../store/series';

export interface Colours {
  line: string;
  faint: string;
  text: string;
  lines: readonly string[];
  /** Of a second line that belongs to the first. */
  soft: string;
  cursor: string;
  past: string;
  marks: Record<Mark['kind'], string>;
}

export interface Plot {
  time: readonly number[];
  /** NaN makes a gap; infinite distances are drawn dashed, where the server's search ends. */
  lines: readonly (readonly number[])[];
  span: readonly [number, number];
  marks: readonly Mark[];
  /** The moment shown on the map. */
  cursor: number;
  hover: number | null;
  /** All lines are of one thing: those after the first are drawn softly. */
  isOne?: boolean;
  /** Seconds between labelled times. */
  step: number;
  /** What can be looked back at; outside it the plot is dim. */
  kept: readonly [number, number] | null;
  colours: Colours;
}

/** Left of the lines, for the figures of their scale: written over a line they would look like part of it. */
export const GUTTER_PX = 38;
const AXIS_PX = 16;
const PAD_PX = 6;
const STEPS_S = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200];
const LABEL_PX = 90;
const BEYOND_DASH = [2, 3];

/** Where a value is drawn. */
const heightOf = (v: number): number => (v === Infinity ? SEARCH_M : v);

/** Seconds between two labels so that they do not touch. */
export function niceTime(spanS: number, widthPx: number): number {
  const least = (spanS * LABEL_PX) / Math.max(1, widthPx);
  return STEPS_S.find((step) => step >= least) ?? Math.ceil(least / 3600) * 3600;
}

/** The moment that lies at a place of a plot. */
export function timeAt(x: number, widthPx: number, span: readonly [number, number]): number {
  const part = (x - GUTTER_PX) / Math.max(1, widthPx - GUTTER_PX);
  return span[0] + Math.min(1, Math.max(0, part)) * (span[1] - span[0]);
}

export function readColours(element: Element): Colours {
  const style = getComputedStyle(element);
  const read = (name: string): string => style.getPropertyValue(`--${name}`).trim();
  return {
    line: read('line'), faint: read('ground'), text: read('fg3'), lines: [read('fg'), read('path'), read('fg3')], soft: read('fg3'), cursor: read('selected'), past: read('fg3'),
    marks: { command: read('path'), caution: read('caution'), warning: read('warning') },
  };
}

/** Least and greatest of all that is in view; null without anything. */
function boundsOf(plot: Pick<Plot, 'time' | 'lines' | 'span'>): [number, number] | null {
  let [low, high] = [Infinity, -Infinity];
  for (const line of plot.lines) {
    for (let i = 0; i < plot.time.length; i++) {
      if (plot.time[i] < plot.span[0] || plot.time[i] > plot.span[1] || Number.isNaN(line[i])) continue;
      low = Math.min(low, heightOf(line[i]));
      high = Math.max(high, heightOf(line[i]));
    }
  }
  return Number.isFinite(low) ? [low, high] : null;
}

/** What the height of a plot stands for: a little more than its values need, even when nothing changes. */
export function rangeOf(plot: Pick<Plot, 'time' | 'lines' | 'span'>): [number, number] {
  const found = boundsOf(plot);
  if (!found) return [0, 1];
  const [low, high] = found;
  const room = Math.max((high - low) * 0.12, Math.abs(high) * 0.02, 1e-3);
  return [low - room, high + room];
}

const clock = (s: number): string => {
  const two = (n: number): string => String(Math.floor(n)).padStart(2, '0');
  return s >= 3600 ? `${Math.floor(s / 3600)}:${two((s / 60) % 60)}:${two(s % 60)}` : `${two(s / 60)}:${two(s % 60)}`;
};

export function drawPlot(canvas: HTMLCanvasElement, width: number, height: number, plot: Plot): void {
  const c = canvas.getContext('2d');
  if (!c) return;
  const ratio = window.devicePixelRatio || 1;
  const [w, h] = [Math.round(width * ratio), Math.round(height * ratio)];
  if (canvas.width !== w) canvas.width = w;
  if (canvas.height !== h) canvas.height = h;
  c.setTransform(ratio, 0, 0, ratio, 0, 0);
  c.clearRect(0, 0, width, height);
  const { span, colours } = plot;
  const bottom = height - AXIS_PX;
  const [low, high] = rangeOf(plot);
  const x = (t: number): number => GUTTER_PX + ((t - span[0]) / (span[1] - span[0])) * (width - GUTTER_PX);
  const y = (v: number): number => bottom - PAD_PX - ((v - low) / (high - low)) * (bottom - 2 * PAD_PX);

  c.font = '11px B612, sans-serif';
  c.textBaseline = 'bottom';
  c.lineWidth = 1;
  c.fillStyle = colours.text;
  extremes(c, plot, y, bottom);
  c.textBaseline = 'bottom';
  for (let t = Math.ceil(span[0] / plot.step) * plot.step; t <= span[1]; t += plot.step) {
    const at = Math.round(x(t)) + 0.5;
    c.strokeStyle = colours.line;
    c.beginPath();
    c.moveTo(at, 0);
    c.lineTo(at, bottom);
    c.stroke();
    c.fillStyle = colours.text;
    c.textAlign = at > width - 20 ? 'right' : 'center';
    c.fillText(clock(t), at > width - 20 ? width : at, height);
  }
  c.strokeStyle = colours.line;
  c.beginPath();
  c.moveTo(GUTTER_PX, bottom + 0.5);
  c.lineTo(width, bottom + 0.5);
  c.stroke();

  // What lies before or after the span must not run into the figures.
  c.save();
  c.beginPath();
  c.rect(GUTTER_PX, 0, width - GUTTER_PX, height);
  c.clip();
  plot.lines.forEach((line, i) => {
    c.strokeStyle = plot.isOne && i > 0 ? colours.soft : colours.lines[i % colours.lines.length];
    c.lineWidth = i === 0 ? 1.5 : 1;
    // More rows than pixels would only draw over each other.
    const stride = Math.max(1, Math.floor(plot.time.length / (width * 2)));
    for (const isBeyond of [false, true]) {
      c.setLineDash(isBeyond ? BEYOND_DASH : []);
      c.beginPath();
      let pen = false;
      for (let k = 0; k < plot.time.length; k += stride) {
        const at = [x(plot.time[k]), y(heightOf(line[k]))] as const;
        const isOurs = !Number.isNaN(line[k]) && (line[k] === Infinity) === isBeyond;
        // A piece goes on to the first value of the next one, so that there is no hole between them.
        if (pen) c.lineTo(...at);
        else if (isOurs) c.moveTo(...at);
        pen = isOurs;
      }
      c.stroke();
    }
    c.setLineDash([]);
  });
  c.lineWidth = 1;
  for (const mark of plot.marks) {
    const at = Math.round(x(mark.atS)) + 0.5;
    c.strokeStyle = c.fillStyle = colours.marks[mark.kind];
    c.globalAlpha = 0.55;
    c.beginPath();
    c.moveTo(at, 0);
    c.lineTo(at, bottom);
    c.stroke();
    c.globalAlpha = 1;
    c.beginPath();
    c.moveTo(at, bottom - 6);
    c.lineTo(at - 4, bottom);
    c.lineTo(at + 4, bottom);
    c.fill();
  }
  if (plot.kept && plot.kept[0] > span[0]) {
    c.fillStyle = colours.faint;
    c.globalAlpha = 0.55;
    c.fillRect(0, 0, x(plot.kept[0]), bottom);
    c.globalAlpha = 1;
  }
  c.restore();
  if (plot.hover !== null) bar(c, x(plot.hover), bottom, colours.past, 1);
  bar(c, Math.min(width - 1.5, x(plot.cursor)), bottom, colours.cursor, 2);
}

/** Least and greatest value in view, written where they lie; one where the line is as good as level. */
function extremes(c: CanvasRenderingContext2D, plot: Plot, y: (v: number) => number, bottom: number): void {
  const found = boundsOf(plot);
  if (!found) return;
  const [low, high] = found;
  c.textAlign = 'right';
  c.textBaseline = 'middle';
  for (const v of Math.abs(y(high) - y(low)) < 14 ? [high] : [low, high]) {
    const text = fixed(v, high - low >= 20 || Number.isInteger(v) ? 0 : high - low >= 2 ? 1 : 2);
    c.fillText(text, GUTTER_PX - 6, Math.min(bottom - 7, Math.max(7, y(v))));
  }
}

function bar(c: CanvasRenderingContext2D, x: number, bottom: number, colour: string, width: number): void {
  c.strokeStyle = colour;
  c.lineWidth = width;
  c.beginPath();
  c.moveTo(x, 0);
  c.lineTo(x, bottom);
  c.stroke();
}
