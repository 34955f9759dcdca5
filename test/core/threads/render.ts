import { threadId } from 'node:worker_threads'

/** The handler that the tests of thread jobs run in a thread. */
export default function render(what: 'value' | 'throw' | 'spin' | 'exit' | 'fill', bytes = new Uint8Array()): unknown {
  switch (what) {
    case 'value':
      return { threadId, date: new Date(0), bytes }
    case 'throw':
      throw new TypeError('no such page')
    case 'spin':
      for (;;);
    case 'exit':
      return process.exit(3)
    case 'fill':
      return Promise.resolve(bytes.byteLength)
  }
}
