import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { isRoot } from './command.ts'
import { canTrace } from './trace.ts'

/** For others than root the kernel may forbid to trace what is no child. */
export const canInject = canTrace && isRoot

/** A server, or another process. */
interface Traced {
  readonly program: { readonly pid: number }
}

/** System calls of a process that fail, until it is ended: `pwrite64:error=EIO`. */
export class Fault {
  readonly #tracer: ReturnType<typeof spawn>
  readonly #exited: Promise<unknown>

  private constructor(server: Traced, what: string) {
    const [calls] = what.split(':')
    const line = `strace -f -o /dev/null -e trace=${calls} -e inject=${what} -p ${server.program.pid}`
    const [program = '', ...args] = line.split(' ')
    this.#tracer = spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe'] })
    this.#exited = once(this.#tracer, 'exit')
  }

  static async begin(server: Traced, what: string): Promise<Fault> {
    const fault = new Fault(server, what)
    let said = ''
    const attached = new Promise<void>((resolve) => {
      fault.#tracer.stderr?.on('data', (text) => (said += text).includes(' attached') && resolve())
    })
    const failed = fault.#exited.then(() => Promise.reject(new Error(`strace did not attach: ${said}`)))
    await Promise.race([attached, failed])
    failed.catch(() => {})
    return fault
  }

  /** Ends the tracer in the midst of a delay. */
  async abort(): Promise<void> {
    this.#tracer.kill('SIGKILL')
    await this.#exited
  }

  /** Resolves when all works again. */
  async end(): Promise<void> {
    this.#tracer.kill('SIGINT')
    await this.#exited
  }
}
