import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { answer } from '../program.ts'

/** The numbers that a server tells of itself. */
export interface Usage {
  readonly port: number
  /** CPU time of this process since it started, in µs. */
  readonly cpu: number
}

/** In the program of a comparison: the server of the variant that it was started with listens, and tells of itself. */
export async function serve(server: Server | undefined): Promise<void> {
  if (server === undefined) throw new Error(`Unknown variant "${process.argv[2]}"`)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  answer<unknown, Usage>(() => {
    const { user, system } = process.cpuUsage()
    return { port, cpu: user + system }
  })
}
