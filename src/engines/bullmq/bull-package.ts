import { type EnginePackage, loadPackage } from '../engine-package.ts'
import type { BullPackage } from './bull.ts'
import type { MakeClient, RedisPackage, RedisPlace } from './redis.ts'

/** The earliest release whose workers take up a job while others of theirs run on. Before 6.3.16 a key outlived its job for ever. */
const bullmq: EnginePackage = { name: 'bullmq', for: 'bullmq', least: [6, 4] }

const ioredis: EnginePackage = { name: 'ioredis', for: 'bullmq', least: [5, 0] }

/** Loads BullMQ now. @throws AfterwordError `AFTERWORD_ENGINE_MISSING` */
export function loadBull(): BullPackage {
  return loadPackage(bullmq)
}

/** Loads what makes connections to a place now: ioredis, unless the place is a client of it. @throws AfterwordError `AFTERWORD_ENGINE_MISSING` */
export function loadRedis(place: RedisPlace): MakeClient {
  if (isClient(place)) return (options) => place.duplicate(options) as ReturnType<MakeClient>
  const { Redis } = loadPackage<RedisPackage>(ioredis)
  const { url, ...given } = typeof place === 'string' ? { url: place } : place
  return (options) =>
    typeof url === 'string' ? new Redis(url, { ...given, ...options }) : new Redis({ ...given, ...options })
}

export function isClient(place: RedisPlace): place is Extract<RedisPlace, { duplicate: unknown }> {
  return typeof place === 'object' && typeof place.duplicate === 'function'
}
