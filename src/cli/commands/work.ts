import { statSync } from 'node:fs'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Afterword } from '../../afterword.ts'
import { inOneLine } from '../../control-characters.ts'
import { AfterwordError } from '../../errors.ts'
import { type Command, takesNoId } from '../command.ts'
import { HealthServer } from '../health-server.ts'
import { StatusLine } from '../terminal.ts'

export const work: Command = {
  takes: '<module> [--concurrency n] [--jobs a,b] [--health address]',
  does: 'run the jobs that a module defines, until SIGTERM or SIGINT',
  place: 'module',
  options: ['json', 'concurrency', 'jobs', 'health'],
  wrong: takesNoId,
  async *run({ place, jobs, json, concurrency, health }) {
    const afterword = await load(place)
    const options = concurrency === undefined ? {} : { concurrency }
    // The names are known once there is a worker, which claims nothing before they are understood.
    const worker = afterword.work({ ...options, ...(jobs && { jobs: [] }) })
    const wanted = jobs?.flatMap((text) => namesIn(text, worker.jobs))
    const unknown = wanted?.filter((job) => !worker.jobs.includes(job)) ?? []
    if (unknown.length > 0) {
      throw new Error(`${place} defines no job "${unknown.join('", "')}"; it has: ${worker.jobs.join(', ')}.`)
    }
    if (wanted !== undefined) afterword.work({ ...options, jobs: wanted })
    const names = wanted ?? worker.jobs
    const probes = health && (await new HealthServer(afterword).listen(health))
    stopOnSignal(afterword, () => worker.stop())
    tellEnd(afterword, json)
    if (json)
      yield `${JSON.stringify({ event: 'start', pid: process.pid, jobs: names, concurrency: worker.concurrency, health: probes })}\n`
    else
      yield `afterword works on ${inOneLine(names.join(', ')) || 'nothing: no job is defined'} (${worker.concurrency} at once)\n`
    if (!json && probes !== undefined) yield `probes at ${probes}/livez and ${probes}/readyz\n`
    return undefined
  },
}

/** Errors of the loader, whose messages say everything: their stacks are Node's own. */
const loaderErrors = [
  'ERR_MODULE_NOT_FOUND',
  'ERR_PACKAGE_PATH_NOT_EXPORTED',
  'ERR_UNKNOWN_FILE_EXTENSION',
  'ERR_UNSUPPORTED_DIR_IMPORT',
]

/** Loads a module. @returns the instance that it has configured @throws AfterwordError `AFTERWORD_JOBS_MODULE` */
async function load(module: string): Promise<Afterword> {
  const file = statSync(resolve(module), { throwIfNoEntry: false })
  if (!file?.isFile()) throw notLoaded(module, file === undefined ? 'there is no such file' : 'it is no file')
  try {
    await import(pathToFileURL(resolve(module)).href)
  } catch (cause) {
    const { code, message } = (cause ?? {}) as NodeJS.ErrnoException
    if (loaderErrors.includes(code ?? '')) throw notLoaded(module, String(message).split('\n', 1)[0])
    throw notLoaded(module, 'its code has thrown an error', { cause })
  }
  // The import comes last, so that it is the instance of the copy of the package that the module uses.
  const { instance } = await import('../../instance.ts')
  return instance()
}

function notLoaded(module: string, why: string | undefined, options?: ErrorOptions): AfterwordError {
  return new AfterwordError('AFTERWORD_JOBS_MODULE', [module, why], options)
}

/** Splits a text at its commas, but for those that are part of a name: the longest known name goes first. */
function namesIn(text: string, known: readonly string[]): string[] {
  const parts = text.split(',')
  for (let end = parts.length; end > 0; end--) {
    const name = parts.slice(0, end).join(',').trim()
    if (end > 1 && !known.includes(name)) continue
    return [name, ...(end < parts.length ? namesIn(parts.slice(end).join(','), known) : [])]
  }
  return []
}

/** Makes the worker an intake, which the shutdown of the instance stops as it stops a server. */
function stopOnSignal(afterword: Afterword, stop: () => void): void {
  afterword.addIntake({ stop: async () => stop(), abort() {} })
  // With `signals: false` the instance does not listen, and the app may. A second signal then ends the process.
  if (afterword.takesSignals) return
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    if (process.listenerCount(signal) > 0) continue
    process.once(signal, async () => {
      stop()
      const { left } = await afterword.drain()
      await afterword.close()
      process.exit(left.every(({ kept }) => kept) ? 0 : 1)
    })
  }
}

function tellEnd(afterword: Afterword, json: boolean): void {
  const line = !json && process.stdout.isTTY ? new StatusLine(() => described(afterword)) : undefined
  process.on('exit', (code) => {
    line?.end()
    if (!json) return
    const { done, failed, timedOut, cancelled } = afterword.status()
    process.stdout.write(`${JSON.stringify({ event: 'end', code, done, failed, timedOut, cancelled })}\n`)
  })
}

function described(afterword: Afterword): string {
  const { done, failed, timedOut, running } = afterword.status()
  return `${done} done, ${failed + timedOut} failed, ${running} running`
}
