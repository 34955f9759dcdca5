import { parseArgs } from 'node:util'
import { Build } from '../support/build.ts'
import { DamageTrials, describeDamage } from './damage.ts'
import { EveryCall, planSeries, sceneNames } from './every.ts'
import { describeRound, planRound } from './plan.ts'
import { buildScene, programs } from './release.ts'
import { Round } from './round.ts'
import { type Blow, blows, compileStrike } from './strike.ts'
import { Tally } from './tally.ts'
import { Tools } from './tools.ts'

// `npm run chaos -- --seed 7 --minutes 10`. The plan follows from the seed: which processes share a folder, what happens to them, and in
// which order. The machine's timing does not: a seed that has failed repeats the plan, and may have to be repeated several times.
const usage = `npm run chaos -- [--seed n] [--minutes m] [--round n] [--plan] [--lossy] [--damage n] [--trial n] [--every]

  --seed     the seed of the plan; by default a random one, which is printed
  --minutes  for how long rounds are begun; by default 1
  --round    that round of the seed alone
  --plan     print the plan of the rounds, and run nothing
  --lossy    jobs are not kept: the run has to find losses
  --damage   damage files of folders, so many times, instead of killing processes
  --trial    the first of these trials: by default 1; with --every, the one call that is struck
  --every    strike processes at every call that changes a file, one after the other: kill them, let the call fail, move the folder away
  --scenes   of these lives only: ${sceneNames}
  --syncs    with these only: normal,full
  --blows    in these ways only: ${Object.keys(blows)}
  --step     at every so many-th call; by default at each
  --from     from this call on
  --workers  so many trials at once; by default 2

The process ends with 1 if something was lost, unexpected, run by two living processes at once, or overlapped another run of its key.
`
const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    minutes: { type: 'string', default: '1' },
    round: { type: 'string' },
    plan: { type: 'boolean', default: false },
    lossy: { type: 'boolean', default: false },
    damage: { type: 'string' },
    trial: { type: 'string' },
    every: { type: 'boolean', default: false },
    scenes: { type: 'string', default: String(sceneNames) },
    syncs: { type: 'string', default: 'normal,full' },
    blows: { type: 'string', default: String(Object.keys(blows)) },
    step: { type: 'string', default: '1' },
    from: { type: 'string' },
    workers: { type: 'string', default: '2' },
    help: { type: 'boolean', default: false },
  },
})
const seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 31))
const minutes = Number(values.minutes)
if (values.help || !Number.isSafeInteger(seed) || !(minutes > 0)) {
  process.stdout.write(usage)
  process.exit(values.help ? 0 : 2)
}

/** The rounds that are to be played. */
function* rounds(): Generator<number> {
  if (values.round !== undefined) return yield Number(values.round)
  const until = performance.now() + minutes * 60_000
  for (let round = 1; performance.now() < until; round++) yield round
}

if (values.plan) {
  const count = values.round === undefined ? 10 : 1
  for (let i = 0; i < count; i++) {
    console.log(JSON.stringify(planRound(seed, Number(values.round ?? 1) + i), undefined, 2))
  }
} else if (values.damage !== undefined) {
  process.exitCode = (await damage(Number(values.damage), Number(values.trial ?? 1))) ? 0 : 1
} else if (values.every) {
  process.exitCode = (await every()) ? 0 : 1
} else {
  process.exitCode = (await chaos()) ? 0 : 1
}

/** Plays rounds. @returns whether all was as it must be */
async function chaos(): Promise<boolean> {
  using tools = new Tools()
  const { abilities } = tools
  const tally = new Tally(seed)
  let round: Round | undefined
  // Whoever interrupts a run finds no process and no disk of it afterwards.
  process.once('SIGINT', async () => {
    await round?.end()
    tally.print()
    process.exit(1)
  })
  for (const missing of abilities.missing) console.log(`Not done here: ${missing}`)
  using scene = await buildScene(abilities, { keep: !values.lossy })
  for (const number of rounds()) {
    const plan = planRound(seed, number)
    console.log(`Round ${number} of seed ${seed}: ${describeRound(plan)}`)
    round = new Round(plan, scene)
    try {
      const score = await round.play()
      await round.end()
      tally.add(number, score, round)
    } finally {
      await round.end()
    }
  }
  return tally.print()
}

/** Tries damages, from one on. @returns whether each record ran, or was reported */
async function damage(count: number, first: number): Promise<boolean> {
  using build = await Build.of(...programs)
  await using trials = await DamageTrials.prepare(build)
  const wrongs = new Map<string, number>()
  let reported = 0
  let silent = 0
  for (let number = first; number < first + count; number++) {
    const { damage, wrong, ...lost } = await trials.try(seed, number)
    reported += lost.reported
    silent += lost.silent
    if (wrong === undefined) continue
    const kind = `${damage.kind} of ${damage.file.replace(/\d+/, 'N')}: ${wrong.split(':', 1)}`
    wrongs.set(kind, (wrongs.get(kind) ?? 0) + 1)
    console.log(`Trial ${number} of seed ${seed}: ${describeDamage(damage)}: ${wrong}`)
  }
  console.log(
    `\nSeed ${seed}: ${count} damaged folders; ${reported} records did not run, and were reported; ${silent} by damage that can't be told`,
  )
  for (const [kind, times] of wrongs) console.log(`  ${times} × ${kind}`)
  return wrongs.size === 0
}

/** Strikes processes at every call. @returns whether all was as it must be */
async function every(): Promise<boolean> {
  using tools = new Tools()
  const library = compileStrike(tools.folder)
  if (library === undefined) throw new Error('This needs a C compiler, cc')
  using scene = await buildScene(tools.abilities)
  await using calls = await EveryCall.prepare(scene, library, Number(values.workers))
  const choice = {
    scenes: sceneNames.filter((name) => values.scenes.split(',').includes(name)),
    syncs: (['normal', 'full'] as const).filter((sync) => values.syncs.split(',').includes(sync)),
    kinds: (Object.keys(blows) as Blow[]).filter((blow) => values.blows.split(',').includes(blow)),
    step: Number(values.step),
    from: values.from === undefined ? undefined : Number(values.from),
    only: values.trial === undefined ? undefined : Number(values.trial),
  }
  // An interrupted run prints the counts of what it has done.
  process.once('SIGINT', () => calls.stop())
  let isRight = true
  for (const series of planSeries(choice)) {
    const { struck, next, answered, again, wrong } = await calls.run(series)
    const { scene, sync, blow, first } = series
    const part = calls.isStopped ? ` (stopped; of those from ${first} on, before ${next})` : ''
    console.log(
      `${scene} ${sync} ${blow}: ${struck} calls struck${part}, ${answered} answered, ${again} ran twice, ${wrong.length} wrong`,
    )
    for (const each of wrong) console.log(`  ${each}`)
    isRight &&= wrong.length === 0
    if (calls.isStopped) break
  }
  return isRight
}
