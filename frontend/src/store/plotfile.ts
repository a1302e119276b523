/** Plots as files: what is shown, as a table of numbers or as one picture. */
import { KEPT, type Series } from './series';

/** Simulated seconds and everything measured, one row a sample; what was not measured is empty. */
export function plotsCsv({ time, values }: Pick<Series, 'time' | 'values'>, span: readonly [number, number]): string {
  const rows = [['time_s', ...KEPT].join(',')];
  time.forEach((t, i) => {
    if (t < span[0] || t > span[1]) return;
    rows.push([t, ...KEPT.map((kept) => values[kept][i])].map((v) => (Number.isFinite(v) ? String(+v.toFixed(4)) : '')).join(','));
  });
  return `${rows.join('\n')}\n`;
}

export interface Figure {
  title: string;
  canvas: HTMLCanvasElement;
}

const [GAP, TITLE, COLUMNS] = [12, 18, 3];

/** All plots on one sheet, in the colours that they have on the screen. */
export function plotsPng(figures: readonly Figure[], caption: string, colours: { ground: string; text: string }): Promise<Blob | null> {
  const ratio = window.devicePixelRatio || 1;
  const [w, h] = [Math.max(...figures.map((f) => f.canvas.width)) / ratio, Math.max(...figures.map((f) => f.canvas.height)) / ratio];
  const rows = Math.ceil(figures.length / COLUMNS);
  const sheet = document.createElement('canvas');
  sheet.width = Math.round((COLUMNS * (w + GAP) + GAP) * ratio);
  sheet.height = Math.round((rows * (h + TITLE + GAP) + GAP + TITLE) * ratio);
  const c = sheet.getContext('2d');
  if (!c) return Promise.resolve(null);
  c.scale(ratio, ratio);
  c.fillStyle = colours.ground;
  c.fillRect(0, 0, sheet.width, sheet.height);
  c.fillStyle = colours.text;
  c.font = '12px B612, sans-serif';
  c.textBaseline = 'top';
  c.fillText(caption, GAP, GAP);
  figures.forEach(({ title, canvas }, i) => {
    const [x, y] = [GAP + (i % COLUMNS) * (w + GAP), GAP + TITLE + Math.floor(i / COLUMNS) * (h + TITLE + GAP)];
    c.fillText(title, x, y);
    c.drawImage(canvas, x, y + TITLE, canvas.width / ratio, canvas.height / ratio);
  });
  return new Promise((resolve) => sheet.toBlob(resolve, 'image/png'));
}

/** Gives the person a file. */
export function save(content: Blob, name: string): void {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(content);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
