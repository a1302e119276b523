/** What is said of drones on the map: rings, brackets and names, the most urgent first. */
import { fixed } from '../format';
import { alertOf, BAD_DATA_BIT, eastOf, flagsOf, northOf, silenceMsOf, speedOf } from '../proto/decode';
import { S } from '../strings';
import type { OverlayInput } from './overlay';
import { LOOK_CAUTION, LOOK_WARNING, type Scene } from './scene';
import { GLYPH_SIZES } from './sizes';

export const LABELS_MAX = 200;
/** More cautions than this and their labels would say nothing; the alert list counts them. */
const CAUTION_LABELS_MAX = 30;
const CAUTION_RANK = 2;
const LABELLED_SELECTION = 12;
/** A fleet this small is labelled whole. */
const LABELLED_FLEET = 24;
/** … where there is room for names at all: not on a phone, not in four views. */
const LABELLED_WIDTH_PX = 480;
/** Names of drones that need no attention keep off this much around others. */
const GLYPH_PX = 9;
const CALM_RANK = 3;
/** Among more drones than this only those with a warning are kept clear of names. */
const CROWD_MAX = 500;

/** Silent for longer than this, a drone has a circle round it: it may be anywhere in there. */
const UNSURE_MS = 3000;
const UNSURE_MAX = 60;
const UNSURE_PX_MIN = 14;

/** More warnings in view than this and their brackets are drawn closer, so that they do not run together. */
const WIDE_BRACKETS_MAX = 8;
/** From a glyph to the ring round it. */
const RING_GAP_PX = 4.5;
const BRACKET_PX = { wide: 12, close: 7 };
const LINE_PX = 13;
/** The corner at the lower right where the scale lies over the map. */
const SCALE_PX = { width: 340, height: 38 };

interface Wanted {
  slot: number;
  rank: number;
  colour: string;
}

/** Rings on selected drones that show another colour, brackets on warnings, labels where attention is due. */
export function marks(c: CanvasRenderingContext2D, input: OverlayInput): boolean {
  const { scene, palette, hover, camera } = input;
  const everyone = scene.count <= LABELLED_FLEET && camera.width >= LABELLED_WIDTH_PX;
  const fewSelected = input.selectedSlots.length <= LABELLED_SELECTION;
  // The most urgent label first: what comes later and would overlap is left out.
  const wanted: Wanted[] = [];
  const warned: number[] = [];
  const unsure: number[] = [];
  let drew = false;
  for (let slot = 0; slot < scene.count; slot++) {
    const look = scene.look[slot] & 7;
    const urgent = !input.frozen && (look === LOOK_WARNING || look === LOOK_CAUTION);
    const selected = input.selected(slot);
    if (!urgent && !selected && slot !== hover && !everyone) continue;
    const [x, y] = [scene.x[slot], scene.y[slot]];
    if (x < -20 || y < -20 || x > camera.width + 20 || y > camera.height + 20) continue;
    drew = true;
    if (urgent && look === LOOK_WARNING) warned.push(slot);
    if (scene.frame && unsure.length < UNSURE_MAX && silenceMsOf(scene.frame, slot) > UNSURE_MS) unsure.push(slot);
    if (selected && (urgent || fewSelected)) ring(c, x, y, GLYPH_SIZES[scene.size].radius + RING_GAP_PX, palette.selected);
    if ((!urgent && slot !== hover && !fewSelected && !everyone) || wanted.length >= LABELS_MAX) continue;
    const [rank, colour] = urgent ? (look === LOOK_WARNING ? [1, palette.warning] : [CAUTION_RANK, palette.caution]) : selected ? [3, palette.selected] : [4, palette.fg3];
    wanted.push({ slot, rank: slot === hover ? 0 : rank, colour: slot === hover && rank === 4 ? palette.fg : colour });
  }
  for (const slot of unsure) uncertainty(c, input, slot);
  const cautions = wanted.filter((w) => w.rank === CAUTION_RANK).length;
  const shown = cautions > CAUTION_LABELS_MAX ? wanted.filter((w) => w.rank !== CAUTION_RANK) : wanted;
  labels(c, input, shown.sort((a, b) => a.rank - b.rank), warned);
  // Over the outlines of the labels, which would cut them.
  const radius = warned.length > WIDE_BRACKETS_MAX ? BRACKET_PX.close : BRACKET_PX.wide;
  for (const slot of warned) bracket(c, scene.x[slot], scene.y[slot], radius, palette.warning);
  return drew;
}

/** Beside each drone, where there is room: upper right, lower right, upper left, lower left. */
function labels(c: CanvasRenderingContext2D, input: OverlayInput, wanted: readonly Wanted[], warned: readonly number[]): void {
  c.font = '11px B612, sans-serif';
  c.textAlign = 'left';
  c.textBaseline = 'middle';
  const { camera } = input;
  const crowded = warned.length > WIDE_BRACKETS_MAX;
  // A name over other drones of a crowd would be read as one of theirs: the alert list has it.
  const others = input.scene.count <= (crowded ? CROWD_MAX : LABELLED_FLEET) ? Array.from({ length: input.scene.count }, (_, slot) => slot) : warned;
  const taken: { x0: number; x1: number; y: number }[] = [];
  for (const { slot, rank, colour } of wanted) {
    const said = text(input, slot, input.ids[slot] ?? '');
    const width = c.measureText(said).width;
    const [x, y] = [input.scene.x[slot], input.scene.y[slot]];
    const places = [[x + 14, y - 11], [x + 14, y + 12], [x - 14 - width, y - 11], [x - 14 - width, y + 12]];
    const avoids = rank >= CALM_RANK || crowded;
    const open = places.filter(([left, middle]) => !taken.some((t) => left < t.x1 && left + width > t.x0 && Math.abs(middle - t.y) < LINE_PX) && !(avoids && hides(input.scene, others, slot, left, middle, width)));
    const free = open.find(([left, middle]) => left + width < camera.width - SCALE_PX.width || middle < camera.height - SCALE_PX.height) ?? open[0];
    if (!free) continue;
    const [left, middle] = free;
    taken.push({ x0: left, x1: left + width, y: middle });
    label(c, said, left, middle, colour, input.palette.ground);
  }
}

/** Whether a name of that width would lie over one of the others. */
function hides(scene: Scene, others: readonly number[], own: number, left: number, middle: number, width: number): boolean {
  return others.some((slot) => slot !== own && scene.x[slot] > left - GLYPH_PX && scene.x[slot] < left + width + GLYPH_PX && Math.abs(scene.y[slot] - middle) < GLYPH_PX + LINE_PX / 2 - 2);
}

function text(input: OverlayInput, slot: number, id: string): string {
  const { frame } = input.scene;
  if (!frame) return id;
  const silent = input.silentMs(slot);
  if ((flagsOf(frame, slot) & BAD_DATA_BIT) !== 0) return `${id}  ${S.badData}`;
  if (silent > 1000) return `${id}  ${S.old((silent + input.ageMs) / 1000)}`;
  if (slot === input.hover && alertOf(frame, slot) < 2) return `${id}  ${fixed(eastOf(frame, slot))}, ${fixed(northOf(frame, slot))}`;
  return id;
}

function ring(c: CanvasRenderingContext2D, x: number, y: number, radius: number, colour: string): void {
  c.strokeStyle = colour;
  c.beginPath();
  c.arc(x, y, radius, 0, 2 * Math.PI);
  c.stroke();
}

/** As far as a drone may have flown since it was last heard: its speed then, times its silence. */
function uncertainty(c: CanvasRenderingContext2D, { scene, camera, palette, silentMs, ageMs }: OverlayInput, slot: number): void {
  if (!scene.frame) return;
  const radius = speedOf(scene.frame, slot) * ((silentMs(slot) + ageMs) / 1000) * camera.zoom;
  // As large as the mark itself it would say nothing, and far larger than the map neither.
  if (radius < UNSURE_PX_MIN || radius > 4 * Math.max(camera.width, camera.height)) return;
  c.strokeStyle = palette.caution;
  c.lineWidth = 1;
  c.globalAlpha = 0.6;
  c.setLineDash([2, 4]);
  c.beginPath();
  c.arc(scene.x[slot], scene.y[slot], radius, 0, 2 * Math.PI);
  c.stroke();
  c.setLineDash([]);
  c.globalAlpha = 1;
}

function bracket(c: CanvasRenderingContext2D, x: number, y: number, r: number, colour: string): void {
  const arm = Math.min(5, r - 3);
  c.strokeStyle = colour;
  c.beginPath();
  for (const [sx, sy] of [[-1, -1], [1, -1], [1, 1], [-1, 1]]) {
  c.moveTo(x + sx * r, y + sy * (r - arm));
    c.lineTo(x + sx * r, y + sy * r);
    c.lineTo(x + sx * (r - arm), y + sy * r);
  }
  c.stroke();
}

/** Text with an outline in the ground's colour, readable over anything. */
export function label(c: CanvasRenderingContext2D, text: string, x: number, y: number, colour: string, halo: string): void {
  c.lineJoin = 'round';
  c.lineWidth = 3;
  c.strokeStyle = halo;
  c.strokeText(text, x, y);
  c.lineWidth = 1.25;
  c.fillStyle = colour;
  c.fillText(text, x, y);
}
