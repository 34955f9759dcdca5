import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'

/** The time in ms that a mail takes: a process that is killed has some on their way. */
const takes = 150

/** The API of someone else that sends mails, and the witness: it counts the mails to each address. */
export class MailApi {
  readonly url: string
  readonly sent = new Map<string, number>()
  readonly #server

  private constructor(server: ReturnType<typeof createServer>) {
    this.#server = server
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    server.on('request', async (req, res) => {
      const { to } = JSON.parse(await text(req)) as { to: string }
      this.sent.set(to, (this.sent.get(to) ?? 0) + 1)
      setTimeout(() => res.writeHead(202).end(), takes)
    })
  }

  static async start(): Promise<MailApi> {
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    return new MailApi(server)
  }

  /** The number of addresses that had more than one mail. */
  get twice(): number {
    return [...this.sent.values()].filter((count) => count > 1).length
  }

  close(): void {
    this.#server.close()
    this.#server.closeAllConnections()
  }
}
