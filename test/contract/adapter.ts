import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { beforeAll, describe, test } from 'vitest'
import { AdapterContract, type ContractLimits, type ContractServer } from '../../src/testing/index.ts'
import { knownMissing, type Runtime, runtimes } from '../../tools/runtimes.ts'

/** The way to close a server: the signal that every process gets, or a call of its framework. */
type Closing = 'SIGTERM' | 'its own close'

export interface Subject {
  /** A program of `servers/`. */
  readonly server: string
  readonly args?: readonly string[]
  /** @default the server and its arguments */
  readonly title?: string
  readonly runtimes: readonly Runtime[]
  readonly closings?: readonly Closing[]
  readonly limits?: ContractLimits
}

/** The contract that every adapter fulfils, on each of its runtimes. */
export function describeAdapter(subject: Subject): void {
  const { server, args = [], title = [server, ...args].join(' '), closings = ['SIGTERM'], limits = {} } = subject
  for (const runtime of subject.runtimes.filter((runtime) => !knownMissing.includes(runtime))) {
    for (const closing of closings) {
      describeContract(`${title} on ${runtime}, closed by ${closing}`, limits, (stage) =>
        start(new URL(`servers/${server}.ts`, import.meta.url), args, runtime, closing, stage),
      )
    }
  }
}

export function describeContract(title: string, limits: ContractLimits, start: AdapterContractStart): void {
  const contract = new AdapterContract({ start, limits })
  describe(title, () => {
    beforeAll(async () => {
      await contract.open()
      return () => contract[Symbol.asyncDispose]()
    })
    for (const { title, run } of contract.cases) test(title, run)
  })
}

type AdapterContractStart = ConstructorParameters<typeof AdapterContract>[0]['start']

async function start(
  program: URL,
  args: readonly string[],
  runtime: Runtime,
  closing: Closing,
  { control, marks }: { control: string; marks: string },
): Promise<ContractServer> {
  const { executable, args: flags } = runtimes[runtime]
  const child = spawn(executable, [...flags, fileURLToPath(program), ...args], {
    env: { ...process.env, NODE_OPTIONS: '', NODE_ENV: 'test', CONTROL: control, MARKS: marks },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => (output += text))
  const ended = once(child, 'close').then(() => {
    throw new Error(`The server has ended.\n${output}`)
  })
  ended.catch(() => {})
  const port = new Promise<number>((resolve) => {
    createInterface(child.stdout).on('line', (line) => {
      const listening = line.match(/^listening (\d+)$/)
      if (listening === null) output += `${line}\n`
      else resolve(Number(listening[1]))
    })
  })
  return {
    url: `http://127.0.0.1:${await Promise.race([port, ended])}`,
    async close() {
      child.kill(closing === 'SIGTERM' ? 'SIGTERM' : 'SIGUSR2')
      await ended.catch(() => {})
    },
  }
}
