/** The ground that this server has pictures of: asked for when the swarm is there, for it comes first. */
import { isRecord } from '../proto/events';
import type { Backdrop } from '../render/backdrop';
import type { Http } from './http';

/** What lies under the swarm, the lowest first. `changed` is called when more of it has come. */
export async function fetchGround(http: Http, origin: { lat: number; lon: number }, changed: () => void): Promise<Backdrop[]> {
  const config = await http.ask('config');
  const found: Backdrop[] = [];
  if (!isRecord(config)) return found;
  if (config.tiles) {
    const { Tiles, tilesConfig } = await import('../render/tiles');
    const tiles = tilesConfig(config);
    if (tiles) found.push(new Tiles(tiles, origin, changed));
  }
  if (config.site_image) {
    const { SiteImage, placementOf, siteImageConfig } = await import('../render/siteimage');
    const image = siteImageConfig(config, origin);
    const placement = image && placementOf(image.points);
    // A picture whose points do not say where it lies is missing, and the map says so.
    found.push(image && placement ? new SiteImage(image.url, image.attribution, placement, changed) : { attribution: '', missing: 1, paint: () => undefined });
  }
  return found;
}
