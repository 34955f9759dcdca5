import { styleText } from 'node:util'
import { inOneLine } from '../../control-characters.ts'
import { inCells } from './display-width.ts'
import { type History, sparkline } from './history.ts'
import { type CountedState, counted, type JobSnapshot, type Snapshot, totalsOf } from './snapshot.ts'

/** The orders of the jobs. */
export const orders = ['due', 'oldest', 'running', 'failed', 'name'] as const
type Order = (typeof orders)[number]

/** The settings of the view, which keys change. */
export interface ViewSettings {
  /** A part of the names of the jobs that are shown. */
  filter: string
  /** The filter is being typed. */
  isTyping: boolean
  /** Only jobs with records in this state are shown. */
  state: CountedState | undefined
  order: Order
  isPaused: boolean
  isHelp: boolean
  /** The number of jobs that are scrolled past. */
  offset: number
}

/** The material of the view. */
export interface Shown {
  readonly place: string
  readonly snapshot: Snapshot | undefined
  readonly history: History
  /** The reason why the last snapshot could not be taken. */
  readonly trouble: string | undefined
}

interface Size {
  readonly columns: number
  readonly rows: number
}

const help = [
  '/        show only jobs with a text in their name, then Enter; Esc shows all',
  'f        show only jobs with records in one state: the next one',
  's        sort by due, oldest, running, failed or name: the next one',
  'p space  stop the picture, and go on',
  '↑ ↓      scroll; PgUp and PgDn by pages',
  'q        end; so does Ctrl-C',
  '',
  'due: could run now. later: delayed, or waits for a retry.',
  'queued: behind another of its lane.',
  'The bars are due and running together, over the last four minutes.',
]

const bold = (text: string) => styleText('bold', text, { stream: process.stdout })
const dim = (text: string) => styleText('dim', text, { stream: process.stdout })
const red = (text: string) => styleText('red', text, { stream: process.stdout })
const yellow = (text: string) => styleText('yellow', text, { stream: process.stdout })

/** Draws the view: as many lines as the terminal has rows, none wider than it. */
export function drawn(shown: Shown, settings: ViewSettings, { columns, rows }: Size): string[] {
  const body = settings.isHelp
    ? help.map((line) => inCells(line, columns))
    : bodyOf(shown, settings, { columns, rows: rows - 2 })
  const lines = [bold(headOf(shown, settings, columns)), ...body].slice(0, rows - 1)
  while (lines.length < rows - 1) lines.push('')
  return [...lines, dim(inCells(footOf(settings), columns))]
}

function headOf({ place, snapshot }: Shown, { isPaused }: ViewSettings, columns: number): string {
  const time = snapshot === undefined ? '' : new Date(snapshot.at).toTimeString().slice(0, 8)
  const right = `${isPaused ? 'stopped at ' : ''}${time}`
  return `${inCells(`afterword top  ${inOneLine(place)}`, columns - right.length - 1)} ${right}`
}

function bodyOf({ snapshot, history, trouble }: Shown, settings: ViewSettings, { columns, rows }: Size): string[] {
  if (snapshot === undefined) return [trouble === undefined ? 'reading …' : red(inCells(inOneLine(trouble), columns))]
  const troubles = [...(trouble === undefined ? [] : [trouble]), ...snapshot.troubles].slice(0, Math.max(1, rows - 8))
  const jobs = shownJobs(snapshot.jobs, settings)
  const room = rows - 5 - troubles.length
  const offset = Math.max(0, Math.min(settings.offset, jobs.length - room))
  settings.offset = offset
  return [
    ...troubles.map((sentence) => yellow(inCells(inOneLine(sentence), columns))),
    ...totalLines(snapshot, history, columns),
    '',
    bold(rowOf(titles, 'due and running', columns)),
    ...jobs.slice(offset, offset + room).map((job) => jobLine(job, history, columns)),
    ...(jobs.length === 0 ? [dim(snapshot.jobs.length === 0 ? 'No records.' : 'No job fits the filter.')] : []),
  ]
}

function totalLines({ jobs, processes }: Snapshot, history: History, columns: number): string[] {
  const totals = totalsOf(jobs)
  const { rates } = history
  const numbers = counted.map((state) => `${state} ${totals[state].toLocaleString('en')}${signed(rates[state])}`)
  const oldest = totals.due > 0 ? `oldest ${ageOf(totals.oldestAge)}` : 'nothing is late'
  const living =
    processes === undefined ? 'processes unknown' : `${processes.length} process${processes.length === 1 ? '' : 'es'}`
  const pids = processes === undefined || processes.length === 0 ? '' : ` (${processes.join(', ')})`
  const width = Math.max(10, Math.floor((columns - 16) / 2))
  const plot = (state: CountedState) => `${state} ${sparkline(history.of(state), width)}`
  const line = inCells(numbers.join('  '), columns)
  return [
    totals.failed > 0 ? yellow(line) : line,
    inCells(`${oldest}  ${living}${pids}`, columns),
    inCells(`${plot('due')}  ${plot('failed')}`, columns),
  ]
}

/** A rate, if it is one. */
function signed(rate: number): string {
  if (Math.abs(rate) < 0.05) return ''
  const text = Math.abs(rate) < 10 ? rate.toFixed(1) : rate.toFixed(0)
  return ` (${rate > 0 ? '+' : ''}${text}/s)`
}

const titles = ['job', 'due', 'oldest', 'running', 'later', 'queued', 'failed']
/** The widths of the columns behind the name. */
const widths = [7, 8, 8, 7, 7, 7]
/** The width of all of them, and of the gap before the bars. */
const numbersWidth = widths.reduce((sum, width) => sum + width) + 2

function jobLine(
  { job, due, oldestAge, running, later, queued, failed, isPaused }: JobSnapshot,
  history: History,
  columns: number,
): string {
  const name = `${inOneLine(job)}${isPaused ? ' (paused)' : ''}`
  const cells = [due, due > 0 && oldestAge > 0 ? ageOf(oldestAge) : '', running, later, queued, failed].map((cell) =>
    cell === 0 ? '·' : short(cell),
  )
  const line = rowOf([name, ...cells], sparkline(history.ofJob(job), plotWidth(columns)), columns)
  return failed > 0 ? yellow(line) : line
}

const nameWidth = (columns: number) => Math.max(12, Math.min(40, columns - numbersWidth - 14))
const plotWidth = (columns: number) => Math.max(0, columns - nameWidth(columns) - numbersWidth)

function rowOf([name = '', ...cells]: readonly string[], plot: string, columns: number): string {
  const numbers = cells.map((cell, i) => inCells(cell, widths[i] ?? 7, true)).join('')
  return inCells(`${inCells(name, nameWidth(columns))}${numbers}  ${inCells(plot, plotWidth(columns))}`, columns)
}

function short(value: number | string): string {
  if (typeof value === 'string' || value < 100_000) return String(value)
  return value < 10_000_000 ? `${Math.floor(value / 1000)}k` : `${Math.floor(value / 1_000_000)}M`
}

/** An age in the largest unit that leaves more than one. */
function ageOf(ms: number): string {
  const seconds = Math.floor(ms / 1000)
  if (seconds < 120) return `${seconds} s`
  if (seconds < 7200) return `${Math.floor(seconds / 60)} min`
  return seconds < 172_800 ? `${Math.floor(seconds / 3600)} h` : `${Math.floor(seconds / 86_400)} d`
}

/** The jobs that the filters leave, in their order. */
function shownJobs(jobs: readonly JobSnapshot[], { filter, state, order }: ViewSettings): JobSnapshot[] {
  const text = filter.toLowerCase()
  const shown = jobs.filter((job) => job.job.toLowerCase().includes(text) && (state === undefined || job[state] > 0))
  const rankOf = ({ due, running, failed, oldestAge }: JobSnapshot) =>
    ({ due, running, failed, oldest: oldestAge, name: 0 })[order]
  return shown.sort((a, b) => rankOf(b) - rankOf(a) || (a.job < b.job ? -1 : 1))
}

function footOf({ filter, isTyping, state, order, isPaused, isHelp }: ViewSettings): string {
  if (isHelp) return 'any key: back'
  if (isTyping) return `/${filter}█`
  const filtered = filter === '' ? '/ filter' : `/${filter}`
  return `${filtered}  f state: ${state ?? 'all'}  s sort: ${order}  p ${isPaused ? 'go on' : 'pause'}  ? help  q quit`
}
