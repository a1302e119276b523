/** What a command that waits to be confirmed would do: the ways that the server has flown ahead, and where they end. */
import type { Forecast } from '../proto/events';
import type { OverlayInput } from './overlay';

/** More ways than this would be a magenta cloud, and cost time in every picture. */
const PATHS_MAX = 60;
const END_PX = 4.5;
const DASH = [5, 4];

/** Draws a forecast above the drones. Lines are made anew only when the view has moved. */
export function forecastPainter(forecast: Forecast): (c: CanvasRenderingContext2D, input: OverlayInput) => boolean {
  const all = Object.entries(forecast.paths).filter(([, points]) => points.length > 1);
  const step = Math.max(1, Math.ceil(all.length / PATHS_MAX));
  const shown = all.filter((_, i) => i % step === 0);
  const made = new WeakMap<object, { version: number; lines: Path2D; ends: Path2D }>();
  return (c, { camera, palette, rewound }) => {
    if (rewound || shown.length === 0) return false;
    let drawn = made.get(camera);
    if (drawn?.version !== camera.version) {
      drawn = { version: camera.version, lines: new Path2D(), ends: new Path2D() };
      for (const [, points] of shown) {
        points.forEach(([e, n, u], i) => {
          const [x, y] = [camera.x(e, n, u), camera.y(e, n, u)];
          if (i === 0) drawn?.lines.moveTo(x, y);
          else drawn?.lines.lineTo(x, y);
        });
        const [x, y] = [camera.x(...points[points.length - 1]), camera.y(...points[points.length - 1])];
        drawn.ends.moveTo(x + END_PX, y);
        drawn.ends.arc(x, y, END_PX, 0, 2 * Math.PI);
      }
      made.set(camera, drawn);
    }
    c.strokeStyle = palette.path;
    c.lineWidth = 1.5;
    c.globalAlpha = shown.length > 12 ? 0.5 : 0.85;
    c.setLineDash(DASH);
    c.stroke(drawn.lines);
    c.setLineDash([]);
    c.stroke(drawn.ends);
    c.globalAlpha = 1;
    return true;
  };
}
