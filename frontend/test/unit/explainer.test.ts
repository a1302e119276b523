import { expect, it } from 'vitest';
import { Explainer } from '../../src/net/explainer';
import type { Http } from '../../src/net/http';
import { Alerts } from '../../src/store/alerts';

it('many alerts are asked for in one list, and those that the server has no words for not again and again', async () => {
  const alerts = new Alerts();
  alerts.update(new Map([['a', 'caution'], ['b', 'caution'], ['c', 'warning']] as const), 1);
  const asked: (string | undefined)[] = [];
  const http = {
    drones: (where?: string) => {
      asked.push(where);
      return Promise.resolve({ drones: [{ id: 'a', alert: 'battery low, 31 %' }] });
    },
  };
  const explainer = new Explainer(http as unknown as Http, alerts);
  explainer.turn(false);
  await expect.poll(() => alerts.unexplained(9)).toEqual([]);
  expect(alerts.groups(1).shown.map((g) => g.text)).toEqual(['', 'battery low, 31 %', '']);
  explainer.turn(false);
  expect(asked).toEqual(['alert']);
});
