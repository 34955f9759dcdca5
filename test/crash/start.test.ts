import { expect, test } from 'vitest'
import { Host } from './host.ts'

test('processes that start at once on a new folder answer their first request', async () => {
  for (let round = 0; round < 3; round++) {
    await using host = new Host()
    const servers = ['one', 'two', 'three', 'four'].map((name) => host.launch(name))
    const paths = servers.map(({ name }, i) => `/note/${name}${i % 2 ? '?delay=0' : ''}`)
    await Promise.all(servers.map((server, i) => server.keep(String(paths[i]))))
    expect(servers.flatMap(({ reports }) => reports).filter(({ code }) => code !== 'AFTERWORD_SLOW_TASK')).toEqual([])
  }
})
