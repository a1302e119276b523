/** What can lie under the swarm: tiles of a map, a picture of the site. */
import type { Camera } from './camera';

/** A picture of the ground. It is dim under the swarm, and drawn only when the view moves. */
export interface Backdrop {
  /** Whom to name for it. */
  readonly attribution: string;
  /** Parts of it that the server does not have. */
  readonly missing: number;
  /** `ratio`: device pixels a pixel; `ground`: the colour that it is dimmed with. */
  paint(c: CanvasRenderingContext2D, camera: Camera, ratio: number, ground: string): void;
}

/** How much of a picture is seen through the ground's colour. */
export const OPACITY = 0.38;
/** Less than half of its colour stays: colours mean attention here. */
export const FILTER = 'saturate(0.25)';

/** Whether the ground can be seen at all. */
export const seesGround = (camera: Camera): boolean => camera.view === 'top' || camera.view === 'tilt';
