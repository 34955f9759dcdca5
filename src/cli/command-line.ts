import { parseArgs } from 'node:util'
import { type State, states } from '../journal/inspection/listed.ts'
import { nearest } from '../options/validate.ts'
import { engineOf, engineStates, wrongUrl } from '../stores/engine-url.ts'
import { version } from '../version.ts'
import type { Command, Output } from './command.ts'
import { backup } from './commands/backup.ts'
import { discard, retry } from './commands/change.ts'
import { dashboard } from './commands/dashboard.ts'
import { doctor } from './commands/doctor.ts'
import { list } from './commands/list.ts'
import { pause, resume } from './commands/pause.ts'
import { show } from './commands/show.ts'
import { status } from './commands/status.ts'
import { top } from './commands/top.ts'
import { work } from './commands/work.ts'
import { type HealthAddress, healthAddress } from './health-server.ts'

const commands: Readonly<Record<string, Command>> = {
  status,
  top,
  list,
  show,
  retry,
  discard,
  pause,
  resume,
  backup,
  work,
  dashboard,
  doctor,
}

const options = {
  help: { type: 'boolean', short: 'h' },
  version: { type: 'boolean', short: 'v' },
  all: { type: 'boolean' },
  json: { type: 'boolean' },
  concurrency: { type: 'string' },
  jobs: { type: 'string', multiple: true },
  job: { type: 'string' },
  state: { type: 'string' },
  limit: { type: 'string' },
  health: { type: 'string' },
  port: { type: 'string' },
  write: { type: 'boolean' },
  token: { type: 'string' },
} as const

/** The width of the commands in the usage, in characters. */
const usageWidth = 68

const usage = `afterword <command> <folder of the journal, or URL of an engine> [id] [options]

${Object.entries(commands)
  .map(([name, { takes, does }]) => `  ${`${name} ${takes}`.padEnd(usageWidth)}${does}`)
  .join('\n')}
  ${'help'.padEnd(usageWidth)}print this, as --help and -h do

  The folder may be the file of an app's own database. The URL is that of a Postgres (postgres://, postgresql://) or a Redis
  (redis://, rediss://) in which an engine keeps the jobs.
  States: ${states.join(', ')}; of an engine ${engineStates.join(', ')}.
  --json prints for machines, --version and -v the version.
  AFTERWORD_KEY, or several separated by commas, opens what is sealed.
  Exit codes: 0, or 1 if it could not be done, or 2 if it was not understood.
`

/** The error for arguments that make no sense; its message says why. */
export class WrongUsage extends Error {}

/** Tells how the command of these arguments is used, in a line: what is wrong stands right above it. */
export function usageOf(args: readonly string[]): string {
  const name = args.find((arg) => !arg.startsWith('-')) ?? ''
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined
  return command === undefined ? 'afterword help tells the commands.' : `Usage: afterword ${name} ${command.takes}`
}

/** Carries a command line out. @returns its output, piece by piece @throws WrongUsage */
export function outputOf(args: string[]): Output {
  const { values, positionals } = parse(args)
  if (values.help || positionals[0] === 'help') return text(usage)
  if (values.version) return text(`${version}\n`)
  const [name, place, ...ids] = positionals
  const command = commandOf(name)
  const refused = Object.keys(values).find((option) => !command.options.includes(option))
  if (refused !== undefined) throw new WrongUsage(`${name} takes no --${refused}.`)
  if (place === undefined) throw new WrongUsage(`${name} expects a ${command.place}.`)
  const wrongPlace = command.place.startsWith('folder') ? wrongUrl(place) : undefined
  if (wrongPlace !== undefined) throw new WrongUsage(`${name} ${wrongPlace}`)
  const { all = false, json = false, write = false } = values
  const input = {
    place,
    ids,
    all,
    json,
    concurrency: numberOf('concurrency', values.concurrency),
    jobs: jobsOf(values),
    job: values.job,
    state: stateOf(values, place),
    limit: numberOf('limit', values.limit),
    health: healthOf(values),
    port: portOf(values),
    write,
    token: values.token,
  }
  const wrong = command.wrong(input)
  if (wrong !== undefined) throw new WrongUsage(`${name} ${wrong}.`)
  return command.run(input)
}

function parse(args: string[]) {
  try {
    return parseArgs({ args, allowPositionals: true, options })
  } catch (error) {
    // Only the first sentence of Node's message is of use here.
    throw new WrongUsage(`${(error as Error).message.split(/\.\s/, 1)[0]}.`)
  }
}

function commandOf(name: string | undefined): Command {
  if (name === undefined) throw new WrongUsage('A command is expected.')
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined
  if (command !== undefined) return command
  const near = nearest(name, Object.keys(commands))
  throw new WrongUsage(`There is no command "${name}".${near === undefined ? '' : ` Did you mean "${near}"?`}`)
}

function numberOf(option: string, given: string | undefined): number | undefined {
  if (given === undefined) return undefined
  const number = Number(given)
  if (Number.isInteger(number) && number > 0) return number
  throw new WrongUsage(`--${option} expects a whole number, 1 or more, got "${given}".`)
}

function portOf({ port: given }: { readonly port?: string }): number | undefined {
  const port = numberOf('port', given)
  if (port === undefined || port <= 65_535) return port
  throw new WrongUsage(`--port expects a port, up to 65535, got "${given}".`)
}

function jobsOf({ jobs }: { readonly jobs?: string[] }): string[] | undefined {
  const wrong = jobs?.find((text) => text.split(',').some((job) => job.trim() === ''))
  if (wrong === undefined) return jobs
  throw new WrongUsage(`--jobs expects names of jobs, separated by commas, got "${wrong}".`)
}

function healthOf({ health: given }: { readonly health?: string }): HealthAddress | undefined {
  const address = given === undefined ? undefined : healthAddress(given)
  if (address !== undefined || given === undefined) return address
  throw new WrongUsage(`--health expects an address such as 127.0.0.1:9090, got "${given}".`)
}

function stateOf({ state: given }: { readonly state?: string }, place: string): State | undefined {
  const engine = engineOf(place)
  const known: readonly State[] = engine === undefined ? states : engineStates
  const state = known.find((state) => state === given)
  if (state !== undefined || given === undefined) return state
  // A state of the other kind of store is no slip.
  const near = states.some((other) => other === given) ? undefined : nearest(given, known)
  const hint = near === undefined ? '' : ` Did you mean "${near}"?`
  throw new WrongUsage(`--state of ${engine ?? 'a journal'} expects one of ${known.join(', ')}, got "${given}".${hint}`)
}

function* text(text: string): Output {
  yield text
  return true
}
