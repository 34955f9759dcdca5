import { bullmq } from 'afterword/bullmq'
import { pgBoss } from 'afterword/pg-boss'

const { ENGINE, ENGINE_URL } = process.env

/** The engine of all processes, at the address that the environment names. */
export const engine =
  ENGINE === 'bullmq' ? bullmq({ connection: ENGINE_URL }) : pgBoss({ connectionString: ENGINE_URL })
