/** The part of the table of codes that is about engines. */
export const engineErrors = {
  AFTERWORD_ENGINE_MISSING: {
    happened: '%s needs the package %s, version %s or later: %s.',
    next: 'Install it: npm install %s. The cause is attached.',
  },
  AFTERWORD_ENGINE_LACKS: {
    happened: 'The job "%s" has the option %s, which %s has no counterpart of.',
    next: 'Leave the option out, define the job with { keep: false }, or use a journal, which has it.',
  },
  AFTERWORD_NO_CONSUMER: {
    happened: 'A batch of messages came, and this instance has no engine that takes its calls from one.',
    next: 'Set configure({ engine: cloudflareQueues({ queue: env.JOBS }) }) where the module begins. The messages are delivered again.',
  },
  AFTERWORD_UNKNOWN_JOB: {
    happened: 'A message has a call of the job "%s", version %s, which is not run here.',
    next: 'The call waits, for five minutes at most before each try, for a release that knows the job. Import the module that defines the job where the consumer is.',
  },
  AFTERWORD_NOT_CANCELLED: {
    happened: 'A call could not be cancelled: %s gives none back.',
    next: 'The call runs. Let its handler look whether the work is still wanted, or bind expires to the call.',
  },
  AFTERWORD_ENGINE_AWAY: {
    happened: "%s can't be reached: %s.",
    next: 'It is tried again. Meanwhile calls of jobs %s. The cause is attached.',
  },
  AFTERWORD_ENGINE_REFUSED: {
    happened: '%s did not take a call within %s ms: %s.',
    next: 'The job will not run, unless the engine has it and could not say so. A response that waited for it became a 503.',
  },
  AFTERWORD_CALL_REFUSED: {
    happened: '%s refuses the call of the job "%s" (%s): %s.',
    next: 'Another try would end alike. Behind a journal the call is listed as failed in its folder: mend the cause, then afterword retry. Else the call will not run, and a response that waited for it became a 503. The cause is attached.',
  },
  AFTERWORD_NOT_FORWARDED: {
    happened: '%s calls of jobs, or more, wait on the disk for %s, the oldest of them for %s s.',
    next: 'They are lost with the disk until the engine has them. Look at whether the engine can be reached, and at AFTERWORD_ENGINE_AWAY. Reported once, until no call waits any more.',
  },
  AFTERWORD_FORWARDING_FULL: {
    happened: 'The calls that wait on the disk for %s take %s MiB in "%s", and journal: { maxDisk } allows %s MiB.',
    next: 'The call is refused, and its response becomes a 503, until the engine takes calls again. Look at the engine, or raise maxDisk.',
  },
  AFTERWORD_NO_WORKER: {
    happened: 'Calls of the job "%s" wait in %s, and none was begun for %s s: no process seems to work on its queue.',
    next: 'Start a process that defines the job, in this version of its arguments, and whose worker is on: npx afterword work jobs.ts. Reported once for each queue.',
  },
  AFTERWORD_CLAIM_LOST: {
    happened: 'A run of the job "%s" (%s) ended when another worker had the call.',
    next: 'Its outcome was not stored: the call runs twice. Look for code that blocks the thread of the worker for seconds, or a network that was cut, and let the job tell by its id what is done.',
  },
  AFTERWORD_ENGINE_ID: {
    happened: 'The file "%s" has the part of the ids that is the folder\'s own, and can\'t be read: %s.',
    next: 'Restore it from a backup. Without one delete it: the calls that wait get new ids then, and those that the engine has already, and that were not noted, run twice.',
  },
  AFTERWORD_CRASHED: {
    happened: 'The job "%s" (%s) was running %s times in a row when its process ended, or could not be heard of.',
    next: 'The call is listed as failed and not run again. Once the job is mended, retry the call.',
  },
} as const
