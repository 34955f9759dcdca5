import { describe, expect, test } from 'vitest'
import { unshare, works } from './command.ts'
import { Host } from './host.ts'

/** Each process is the first in a pid namespace of its own, and ends with `unshare`. */
const under = unshare('--pid', '--fork', '--kill-child=SIGKILL')

describe.skipIf(!works([...under, 'true']))('pids', () => {
  test('two living processes with the same pid are two', async () => {
    await using host = new Host()
    const one = await host.start('one', { under })
    const two = await host.start('two', { under })
    expect([(await one.listening).pid, (await two.listening).pid]).toEqual([1, 1])
    await one.keep('/wait/of-one', '/note/done-by-one')
    await host.ledger.run('of-one')
    await two.keep('/wait/of-two', '/note/done-by-two')
    await host.ledger.run('of-two')
    // A third with that pid dies: whoever takes over what it left has looked at the slots of all.
    const three = await host.start('three', { under })
    await three.keep('/wait/of-three')
    await host.ledger.run('of-three')
    await three.kill()
    await host.ledger.run('of-three', ({ by }) => by !== 'three')
    host.release()
    await host.emptied()
    for (const by of ['one', 'two']) expect(host.ledger.of(`of-${by}`)).toMatchObject([{ by }])
    for (const by of ['one', 'two']) expect(host.ledger.of(`done-by-${by}`)).toMatchObject([{ by }])
  })

  test('a successor with the pid of the dead owner runs its records, each once', async () => {
    await using host = new Host()
    const owner = await host.start('owner', { under })
    await owner.keep('/wait/running', '/wait/dispatched?delay=0')
    await Promise.all([host.ledger.run('running'), host.ledger.run('dispatched')])
    await owner.kill()
    const successor = await host.start('successor', { under })
    expect((await successor.listening).pid).toBe((await owner.listening).pid)
    host.release()
    await host.emptied()
    for (const what of ['running', 'dispatched']) {
      expect(host.ledger.of(what)).toMatchObject([{ by: 'owner' }, { by: 'successor' }])
    }
  })

  test('a dead owner is dead although its pid is that of another living process', async () => {
    await using host = new Host()
    const owner = await host.start('owner', { under })
    // Here that is the first process of the machine.
    expect((await owner.listening).pid).toBe(1)
    await owner.keep('/wait/running')
    await host.ledger.run('running')
    const sibling = await host.start('sibling')
    expect((await sibling.listening).pid).not.toBe(1)
    await owner.kill()
    expect(await host.ledger.run('running', ({ by }) => by === 'sibling')).toMatchObject({ attempt: 1 })
  })
})
