import { EventEmitter, once } from 'node:events'
import { createServer } from 'node:http'
import { readerOf } from '../../stores/record-store.ts'
import { type Command, takesNoId } from '../command.ts'
import { complain } from '../terminal.ts'

export const dashboard: Command = {
  takes: '<folder> [--port <port>] [--write]',
  does: 'serve the dashboard to this machine; with --write it can act',
  place: 'folder',
  options: ['port', 'write'],
  wrong: takesNoId,
  async *run({ place, port = 0, write }) {
    // A wrong place is told at once, and not by the page.
    await using reader = await readerOf(place)
    await reader.overview()
    for (const sentence of reader.unreadable) complain(sentence)
    // Other commands do without the page.
    const { storeDashboard } = await import('../../dashboard/dashboard.ts')
    const handler = storeDashboard(place, write ? 'write' : 'read')
    const server = createServer((req, res) => void handler(req, res))
    // An adapter may have patched the class: these are no requests of an app.
    Object.assign(server, { emit: EventEmitter.prototype.emit })
    server.listen(port, '127.0.0.1')
    await once(server, 'listening')
    const { port: own } = server.address() as { port: number }
    yield `http://127.0.0.1:${own}/\n`
    return undefined
  },
}
