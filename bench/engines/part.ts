import type { Result } from '../result.ts'
import { measureDeaths } from './deaths.ts'
import { measureDispatches } from './dispatches.ts'
import { measureForwarding } from './forwarding.ts'
import { measureOutages } from './outages.ts'
import { measureRuns } from './runs.ts'
import { Servers } from './servers.ts'
import { measureStarts } from './starts.ts'

export async function measureEngines(): Promise<readonly Result[]> {
  await using servers = await Servers.open()
  const results: Result[] = []
  for (const measure of [
    measureDispatches,
    measureForwarding,
    measureRuns,
    measureStarts,
    measureOutages,
    measureDeaths,
  ]) {
    results.push(await measure(servers))
  }
  return results
}
