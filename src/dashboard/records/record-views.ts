import type { ShownRecord } from '../../journal/inspection/listed.ts'
import type { JobDetailsView, JobView } from '../views.ts'
import type { RecordTexts } from './record-texts.ts'

/** Makes the view of a record in a list. */
export function jobView(record: ShownRecord, texts: RecordTexts): JobView {
  const { id, job, state, attempt, created, runAt, failedAt } = record
  return { id, job, state, attempt, created, runAt, failedAt, error: texts.firstLine(record) }
}

/** Makes the view of a record in full. @param isRevealed its arguments are to be seen */
export function jobDetails(record: ShownRecord, texts: RecordTexts, isRevealed: boolean): JobDetailsView {
  return {
    ...jobView(record, texts),
    version: record.version,
    pid: record.pid,
    key: texts.key(record),
    lane: undefined,
    reason: record.reason,
    args: isRevealed ? texts.args(record) : texts.hiddenArgs(record),
    isRevealed,
    options: texts.options(record),
    stack: texts.error(record, isRevealed),
    history: historyOf(record, texts),
  }
}

/** Tells the states of a record in order, as far as its store knows them; what is to come as well. */
function historyOf(record: ShownRecord, texts: RecordTexts): JobDetailsView['history'] {
  const { state, created, runAt, failedAt, attempt, reason } = record
  const line = texts.firstLine(record)
  const history = [{ at: created, state: 'deferred', text: undefined as string | undefined }]
  if (failedAt !== undefined) {
    const text = [`attempt ${attempt}`, reason === 'failed' ? undefined : reason, line].filter(Boolean).join(', ')
    return [...history, { at: failedAt, state: 'failed', text }]
  }
  if (runAt === undefined) return history
  if (attempt > 0)
    history.push({
      at: runAt,
      state: 'retrying',
      text: [`attempt ${attempt + 1}`, line && `after: ${line}`].filter(Boolean).join(', '),
    })
  else if (runAt > created) history.push({ at: runAt, state: 'due', text: undefined })
  if (state === 'running') history.push({ at: runAt, state: 'running', text: `attempt ${attempt + 1}` })
  return history
}
