import type { Boss } from './boss.ts'
import { tableOf } from './call-rows.ts'

/** A call of the queue has been due for so many ms, and none runs, nor has one been begun or ended meanwhile. */
export async function isIdle(boss: Boss, queue: string, time: number): Promise<boolean> {
  const table = await tableOf(boss, queue)
  const since = `now() - $2 * interval '1 ms'`
  const { rows } = await boss.getDb().executeSql(
    `SELECT EXISTS (SELECT 1 FROM ${table} WHERE name = $1 AND state < 'active' AND start_after <= ${since})
      AND NOT EXISTS (SELECT 1 FROM ${table} WHERE name = $1 AND (state = 'active' OR started_on > ${since} OR completed_on > ${since})) AS idle`,
    [queue, time],
  )
  return (rows as { idle: boolean }[])[0]?.idle === true
}
