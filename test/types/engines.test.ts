import type { ExportedHandler, Queue as WorkersQueue } from '@cloudflare/workers-types'
import { type Job, type Queue, type WaitingError, Worker } from 'bullmq'
import type { NodePgDatabase } from 'drizzle-orm/node-postgres'
import { type RedisOptions as IORedisOptions, Redis } from 'ioredis'
import type { Knex } from 'knex'
import type { Transaction as KyselyTransaction } from 'kysely'
import type { Client, PoolClient } from 'pg'
import { PgBoss } from 'pg-boss'
import { expectTypeOf, it } from 'vitest'
import type { BullBackend, BullJob, BullPackage, BullQueue, BullWorker } from '../../src/engines/bullmq/bull.ts'
import { workerOptions } from '../../src/engines/bullmq/queue-settings.ts'
import type { RedisClient, RedisPackage } from '../../src/engines/bullmq/redis.ts'
import { type BullmqOptions, bullmq, type GivenClient, type RedisOptions } from '../../src/engines/bullmq.ts'
import {
  type CloudflareQueuesOptions,
  cloudflareQueues,
  type Queue as GivenQueue,
} from '../../src/engines/cloudflare-queues.ts'
import { type Boss, type PgBossOptions, pgBoss } from '../../src/engines/pg-boss.ts'
import {
  type AfterwordOptions,
  type Consumer,
  configure,
  type DispatchedJob,
  type EngineOption,
  job,
  type Transaction,
} from '../../src/index.ts'

it('pg-boss: an instance, and the options of its constructor, are what pgBoss() takes', () => {
  expectTypeOf<PgBoss>().toExtend<Boss>()
  expectTypeOf<{ connectionString: string; schema: string; monitorIntervalSeconds: number }>().toExtend<PgBossOptions>()
  expectTypeOf(pgBoss).returns.toEqualTypeOf<EngineOption>()
  expectTypeOf<AfterwordOptions['engine']>().toEqualTypeOf<EngineOption | undefined>()
})

it('BullMQ: a client of ioredis, and its options, are what bullmq() takes', () => {
  expectTypeOf<Redis>().toExtend<GivenClient>()
  expectTypeOf<{ host: string; tls: object }>().toExtend<RedisOptions>()
  expectTypeOf<Pick<IORedisOptions, 'host' | 'port' | 'password'>>().toExtend<RedisOptions>()
  expectTypeOf(bullmq).parameters.toEqualTypeOf<[BullmqOptions]>()
  expectTypeOf(bullmq).returns.toEqualTypeOf<EngineOption>()
})

it('BullMQ: its classes, and those of ioredis, have the parts that are used', () => {
  expectTypeOf<Job>().toExtend<BullJob>()
  expectTypeOf<Queue>().toExtend<BullQueue>()
  expectTypeOf<Worker>().toExtend<BullWorker>()
  expectTypeOf<ReturnType<Worker['getBackend']>>().toExtend<BullBackend>()
  expectTypeOf<typeof Queue>().toExtend<BullPackage['Queue']>()
  expectTypeOf<typeof WaitingError>().toExtend<BullPackage['WaitingError']>()
  expectTypeOf<Redis>().toExtend<RedisClient>()
  expectTypeOf<{ Redis: typeof Redis }>().toExtend<RedisPackage>()
})

it('with({ tx }): the transactions of the libraries are what it takes, and pools are not', () => {
  expectTypeOf<PoolClient>().toExtend<Transaction>()
  expectTypeOf<Client>().toExtend<Transaction>()
  expectTypeOf<Knex.Transaction>().toExtend<Transaction>()
  expectTypeOf<KyselyTransaction<object>>().toExtend<Transaction>()
  expectTypeOf<Parameters<Parameters<NodePgDatabase['transaction']>[0]>[0]>().toExtend<Transaction>()
  expectTypeOf<NodePgDatabase>().not.toExtend<Transaction>()
  expectTypeOf<{ url: string }>().not.toExtend<Transaction>()
  expectTypeOf(job('a', (_n: number) => {}).with).toBeCallableWith({ confirm: 'engine' })
})

it('Cloudflare Queues: a binding is what cloudflareQueues() takes, and the consumer is a handler of a Worker', () => {
  expectTypeOf<WorkersQueue>().toExtend<GivenQueue>()
  expectTypeOf<WorkersQueue<{ hello: string }>>().toExtend<GivenQueue>()
  expectTypeOf<{ queue: WorkersQueue; deadLetterQueue: WorkersQueue }>().toExtend<CloudflareQueuesOptions>()
  expectTypeOf<Consumer>().toExtend<Required<ExportedHandler>['queue']>()
  expectTypeOf(cloudflareQueues).returns.toEqualTypeOf<EngineOption>()
})

// Checked by the compiler, never called.
function asUsersWriteIt() {
  configure({ engine: pgBoss({ connectionString: process.env.DATABASE_URL }) })
  configure({ engine: pgBoss(new PgBoss({ connectionString: 'postgres://localhost/app', useListenNotify: true })) })
  const ship: DispatchedJob<[order: number]> = job('ship', (_order: number) => {}).with({ tx: {} as PoolClient })
  // @ts-expect-error: a call that is part of a transaction is dispatched
  ship.defer(1)
  // @ts-expect-error: a transaction is that of a call
  job('ship', () => {}, { tx: {} as PoolClient })
  // @ts-expect-error: a connection string is one of the options
  pgBoss('postgres://localhost/app')
  configure({ engine: bullmq({ connection: process.env.REDIS_URL }) })
  configure({ engine: bullmq({ connection: { host: 'redis', port: 6379, tls: {} }, prefix: '{jobs}' }) })
  configure({ engine: bullmq({ connection: new Redis('redis://localhost') }) })
  // The class has several constructors: that of Redis takes the options of the engine.
  const options = { connection: new Redis(), prefix: 'bull', concurrency: 1, ...workerOptions }
  new Worker('afterword/send/1', async (_job: Job, _token?: string) => {}, options)
  // @ts-expect-error: the URL is the connection
  bullmq('redis://localhost')
  // @ts-expect-error: the engine is what pgBoss() returns
  configure({ engine: 'pg-boss' })
}
void asUsersWriteIt
