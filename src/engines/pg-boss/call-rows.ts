import type { EngineCall } from '../engine.ts'
import { digest } from '../queue-name.ts'
import { storedCall } from '../stored-call.ts'
import type { Boss, BossDatabase } from './boss.ts'

/** The most statements for calls of which none is added and none stands for another one. */
const mostRounds = 3

/**
 * Adds calls to a queue that is there.
 * @param db the database, if it is another connection than that of pg-boss
 * @returns the id of the call that stands for each: its own, or that of an earlier one with its unique key
 * @throws Error as of a queue that does not exist, where pg-boss takes no call of the queue
 */
export async function insertCalls(
  boss: Boss,
  queue: string,
  calls: readonly EngineCall[],
  db?: BossDatabase,
): Promise<Map<EngineCall, string>> {
  const ids = new Map<EngineCall, string>()
  let rounds = 0
  for (let left = calls; left.length > 0; ) {
    const added = new Set(await boss.insert(queue, left.map(newJob), { returnId: true, ...inside(db) }))
    const skipped = left.filter(({ id }) => !added.has(id))
    for (const call of left) if (added.has(call.id)) ids.set(call, call.id)
    const existing = skipped.length === 0 ? none : await standing(boss, queue, skipped, db)
    for (const call of skipped) {
      const id = existing.get(call.id)
      if (id !== undefined) ids.set(call, id)
    }
    // The call that had the key is over by now.
    const open = skipped.filter(({ id }) => !existing.has(id))
    rounds = open.length < left.length ? 0 : rounds + 1
    // pg-boss adds nothing, in silence, to a queue that was deleted a moment ago.
    if (rounds === mostRounds) throw new Error(`Queue ${queue} does not exist`)
    left = open
  }
  return ids
}

const none: ReadonlyMap<string, string> = new Map()

const inside = (db: BossDatabase | undefined) => (db === undefined ? {} : { db: db as never })

function newJob(call: EngineCall) {
  return {
    id: call.id,
    singletonKey: singletonKey(call.id, call.uniqueKey),
    data: storedCall(call),
    ...(call.delay > 0 && { startAfter: `${call.delay / 1000} seconds` }),
  }
}

/** Finds the calls that keep others from being added: those that were sent before themselves, and those that wait or run under the same key. */
async function standing(
  boss: Boss,
  queue: string,
  calls: readonly EngineCall[],
  db: BossDatabase = boss.getDb(),
): Promise<ReadonlyMap<string, string>> {
  const sent = calls.map(({ id, uniqueKey }) => ({ id, key: singletonKey(id, uniqueKey) }))
  const table = await tableOf(boss, queue)
  const { rows } = await db.executeSql(
    `WITH sent AS (SELECT id, key FROM json_to_recordset($2::text::json) AS sent(id uuid, key text))
    SELECT sent.id AS call, job.id AS id FROM sent JOIN ${table} job ON job.name = $1 AND job.id = sent.id
    UNION ALL
    SELECT sent.id, job.id FROM sent JOIN ${table} job ON job.name = $1 AND COALESCE(job.singleton_key, '') = sent.key
      AND job.state <= 'active' AND job.policy = 'exclusive'`,
    [queue, JSON.stringify(sent)],
  )
  return new Map((rows as { call: string; id: string }[]).map(({ call, id }) => [call, id]))
}

/** Finds the runs whose end is not stored, for the claim is another worker's. An end is there whose answer was lost; a call may have been deleted. */
export async function lostRuns(
  boss: Boss,
  queue: string,
  runs: readonly { readonly id: string; readonly retryCount: number }[],
): Promise<ReadonlySet<string>> {
  const table = await tableOf(boss, queue)
  const { rows } = await boss.getDb().executeSql(
    `WITH run AS (SELECT id, runs FROM json_to_recordset($2::text::json) AS run(id uuid, runs integer))
    SELECT run.id FROM run JOIN ${table} job ON job.name = $1 AND job.id = run.id
    WHERE NOT (job.state = 'completed' AND job.retry_count = run.runs
      OR COALESCE((job.data->>'heard')::integer, 0) = run.runs + 1)`,
    [queue, JSON.stringify(runs.map(({ id, retryCount }) => ({ id, runs: retryCount })))],
  )
  return new Set((rows as { id: string }[]).map(({ id }) => id))
}

/** Asks for the table of a queue, with its schema: pg-boss tells it by its own statements alone. */
export async function tableOf(boss: Boss, queue: string): Promise<string> {
  let asked = ''
  const executeSql = async (text: string) => {
    asked = text
    return { rows: [] }
  }
  await boss.findJobs(queue, { id: '', db: { executeSql } as never })
  const [, table] = /\bFROM\s+(\S+)/.exec(asked) ?? []
  if (table === undefined) throw new Error('this version of pg-boss does not tell its table')
  return table
}

/** Makes the unique key of a call for pg-boss, which has one for each job: of a call without, its id. */
export function singletonKey(id: string, uniqueKey: string | undefined): string {
  return uniqueKey === undefined ? `id/${id}` : `key/${digest(uniqueKey)}`
}
