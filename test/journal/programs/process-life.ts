import { configure, currentTask, instance, job } from '../../../src/index.ts'

// On any runtime. `begin`: keeps a call, and is killed by itself while that runs. Else: runs what was left, and closes.
const [, , folder = '', life] = process.argv
configure({ journal: folder })
const Send = job('send', async (to: string, at: Date) => {
  console.log(JSON.stringify({ id: currentTask()?.id, to, at: at.getTime() }))
  if (life === 'begin') process.kill(process.pid, 'SIGKILL')
  setTimeout(async () => {
    await instance().close()
    clearTimeout(hold)
    console.log('closed')
  })
})
// What holds a process is not what is tested.
const hold = setTimeout(() => {}, 60_000)
if (life === 'begin') await Send.defer('a@b.c', new Date(7)).accepted
