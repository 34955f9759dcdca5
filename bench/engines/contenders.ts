import type { Contender, MakeContender, Place } from './contender.ts'

// Loaded as an application would: nothing that the contender does not use.
const contenders = {
  /** The engine's library by hand, as safe as Afterword. */
  hand: async ({ engine }) =>
    engine === 'pg-boss'
      ? (await import('./contenders/pg-boss.ts')).safePgBoss
      : (await import('./contenders/bullmq.ts')).safeBullmq,
  /** The engine's library as it is delivered. */
  default: async ({ engine }) =>
    engine === 'pg-boss'
      ? (await import('./contenders/pg-boss.ts')).defaultPgBoss
      : (await import('./contenders/bullmq.ts')).defaultBullmq,
  /** Afterword on the engine alone. */
  engine: async () => (await import('./contenders/afterword.ts')).onEngine,
  /** Afterword with a journal before the engine. */
  journal: async () => (await import('./contenders/afterword.ts')).behindJournal,
  /** Afterword without an engine: on one machine. */
  memory: async () => (await import('./contenders/afterword.ts')).inMemory,
  folder: async () => (await import('./contenders/afterword.ts')).inJournal,
  'folder-synced': async () => (await import('./contenders/afterword.ts')).inSyncedJournal,
} satisfies Record<string, (place: Place) => Promise<MakeContender>>
export type Name = keyof typeof contenders

/** Starts a contender in this process. */
export async function start(name: Name, place: Place): Promise<Contender> {
  return (await contenders[name](place))(place)
}
