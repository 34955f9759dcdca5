import { pgBoss } from 'afterword/pg-boss'

/** The engine of all processes, at the address that the environment names. */
export const engine = pgBoss({ connectionString: process.env.ENGINE_URL })
