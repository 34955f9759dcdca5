import type { Result } from '../result.ts'
import { measureAccepts } from './accepts.ts'
import { measureAnswers } from './answers.ts'
import { measureDispatches } from './dispatches.ts'
import { measureLatency } from './latency.ts'
import { measurePairs } from './pairs.ts'
import { measureRecovery } from './recovery.ts'
import { measureRuns } from './runs.ts'
import { openServers } from './servers.ts'

export async function measureJournal(): Promise<readonly Result[]> {
  await using servers = await openServers()
  const results: Result[] = []
  for (const measure of [
    measurePairs,
    measureAccepts,
    measureRuns,
    measureAnswers,
    measureLatency,
    measureDispatches,
    measureRecovery,
  ]) {
    results.push(await measure(servers))
  }
  return results
}
