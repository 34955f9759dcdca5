import { engineErrors } from './engine-errors.ts'

/**
 * The table of every code, with the text of what happened and what to do next; `%s` stands for a value.
 * `docs/errors.md` holds the same texts, and a test compares them.
 */
export const errorTable = {
  AFTERWORD_OLD_NODE: {
    happened: 'Node %s is too old for Afterword.',
    next: 'Use Node %s or later.',
  },
  AFTERWORD_NOT_A_FUNCTION: {
    happened: '%s expects a function, got %s.',
    next: 'Did you mean defer(save) instead of defer(save())? Pass the function itself, and its arguments after it: defer(fn, ...args).',
  },
  AFTERWORD_NOT_A_REQUEST: {
    happened: '%s expects what stands for a request, got %s.',
    next: 'Pass what the handler was given: req, res, c, ctx, event.',
  },
  AFTERWORD_UNKNOWN_REQUEST: {
    happened: '%s was given an object for which no adapter has opened a scope: the task did not wait for its response.',
    next: 'Pass what the handler was given (req, res, c, ctx, event), and register the adapter ahead of the routes; or bind(callback).',
  },
  AFTERWORD_NOT_A_PROMISE: {
    happened: 'waitUntil expects a promise, got %s.',
    next: 'Pass work that has begun, waitUntil(save()), or let it begin after the response with defer(save).',
  },
  AFTERWORD_UNKNOWN_OPTION: {
    happened: '%s has no option "%s".',
    next: '%s',
  },
  AFTERWORD_INVALID_OPTION: {
    happened: '%s: expected %s to be %s, got %s.',
    next: 'Correct the value.',
  },
  AFTERWORD_INVALID_JOB_NAME: {
    happened: '%s expects a name that is a non-empty string, got %s.',
    next: "Name it after what it does: %s('send-welcome', handler).",
  },
  AFTERWORD_DUPLICATE_JOB: {
    happened: 'Two jobs are called "%s": one is defined at %s, the other at %s.',
    next: 'The latest one runs the stored calls of both. Rename one of them, or define the job once and import it where it is needed.',
  },
  AFTERWORD_NO_PISCINA: {
    happened: 'The job "%s" runs in a thread, and the package piscina could not be loaded.',
    next: 'Install it: npm install piscina. The cause is attached.',
  },
  AFTERWORD_BUNDLED: {
    happened: 'The job "%s" runs in a thread, and the file of the thread is not in the bundle of the app.',
    next: "Leave the package out of the bundle: external: ['afterword'] in esbuild and rolldown, externals in webpack, serverExternalPackages in Next.",
  },
  AFTERWORD_NEEDS_JOURNAL: {
    happened: 'The job "%s" was dispatched with a delay, and is not kept.',
    next: "Set configure({ journal: 'data/afterword' }), and leave keep: false out: what runs later has to be stored until then.",
  },
  AFTERWORD_DISPATCH_ONLY: {
    happened: 'The job "%s" was deferred with the option %s.',
    next: 'A deferred job runs right after the response, and knows no such option. Dispatch the job: job.with({ %s }).dispatch(...).',
  },
  AFTERWORD_NO_TRANSACTIONS: {
    happened:
      'A call of the job "%s" was to be part of a transaction of the app, and is kept by %s, which has no part in that.',
    next: 'Insert a row into an outbox of the app in the transaction, and dispatch from there: docs/databases.md. Or let the calls be kept where the transaction is: engine: pgBoss(...) on Postgres, journal: { database } on SQLite.',
  },
  AFTERWORD_NO_ENGINE: {
    happened: 'A call of the job "%s" was to be confirmed by an engine, and there is none that keeps it.',
    next: 'Set configure({ engine }), and leave keep: false out; or leave confirm out: dispatch resolves when the journal has the call.',
  },
  AFTERWORD_METRICS_CLOSED: {
    happened: 'Metrics were read that are closed.',
    next: 'Read them before close(), or make others: instance().metrics().',
  },
  AFTERWORD_NO_JOURNAL: {
    happened: 'work was called, and there is neither a journal nor an engine to take jobs from.',
    next: "Set configure({ journal: 'data/afterword' }), the folder that the other processes use, or their engine: configure({ engine }).",
  },
  AFTERWORD_JOBS_MODULE: {
    happened: 'afterword work can\'t import "%s": %s.',
    next: 'Give it the path of a module that configures the journal and defines the jobs: afterword work jobs.ts.',
  },
  AFTERWORD_INVALID_INPUT: {
    happened: 'The arguments of the job "%s" are not what its input says: %s.',
    next: 'Correct the call, or the schema: it is one of all arguments, a tuple. Stored calls of an earlier release need a version and an upgrade function.',
  },
  AFTERWORD_ASYNC_INPUT: {
    happened: 'The input of the job "%s" checks asynchronously, and defer can\'t wait.',
    next: 'Use a schema without asynchronous parts, and check those in the handler.',
  },
  AFTERWORD_NOT_STORABLE: {
    happened: 'The arguments of the job "%s" can\'t be stored: %s at %s.',
    next: 'Pass plain data and load the rest in the handler, or define the job with { keep: false }.',
  },
  AFTERWORD_PAYLOAD_TOO_LARGE: {
    happened: 'The arguments of the job "%s" take %s bytes, more than %s (%s).',
    next: 'Store the thing itself somewhere else and pass its id, or raise maxPayload if that is the limit.',
  },
  AFTERWORD_JOURNAL_FOLDER: {
    happened: 'The journal "%s" can\'t be opened.',
    next: 'Give it a folder on a local disk, or an open database, that this process may write to. The cause is attached.',
  },
  AFTERWORD_JOURNAL_NETWORK: {
    happened: 'The journal\'s folder "%s" is on a file system that is no local disk (%s).',
    next: "Its locks and its shared memory can't be trusted there: records may run twice, or be lost. Move it to a local disk.",
  },
  AFTERWORD_JOURNAL_NEWER: {
    happened: 'The journal "%s" has version %s; this release knows version %s.',
    next: 'Run the newer release of afterword, which can read both. The file was left as it is.',
  },
  AFTERWORD_JOURNAL_DAMAGED: {
    happened: 'The journal "%s" is damaged, and was moved to "%s".',
    next: 'A new one was begun; sqlite3 and .recover can read the rest of the old one. The cause is attached.',
  },
  AFTERWORD_JOURNAL_LOST: {
    happened: 'The journal "%s" was deleted or replaced, or its lock is another process\'s, while it was in use.',
    next: 'New files were begun. Tasks that are in memory run all the same, and what was in the lost files is not kept any more. Look for what deletes or moves them.',
  },
  AFTERWORD_JOURNAL_UNLOCKED: {
    happened: 'The lock "%s" was dropped: this process has opened and closed a file of the journal.',
    next: 'The lock was taken again, and no record is lost. Copy a journal that is in use by npx afterword backup.',
  },
  AFTERWORD_JOURNAL_REFUSED: {
    happened: 'The journal could not store a record: %s.',
    next: 'The job will not run, and its response became a 503. Look for a full disk or a file that is read-only.',
  },
  AFTERWORD_JOURNAL_BEHIND: {
    happened: 'The journal could not write to its database: %s.',
    next: 'Records are safe in the log meanwhile, and the journal tries again. Look for a full disk or a file that is read-only.',
  },
  AFTERWORD_JOURNAL_FAILED: {
    happened: 'The thread of the journal has ended.',
    next: 'The thread is started again; no record is lost, and records are accepted meanwhile. The cause is attached.',
  },
  AFTERWORD_SEALED: {
    happened: 'A record of the job "%s" (%s) is encrypted with a key that this process does not have.',
    next: 'The record waits, and so do all others under that key. Give the key in journal.encrypt.previous, and start again.',
  },
  AFTERWORD_UNREADABLE: {
    happened: 'The stored arguments of the job "%s" (%s) can\'t be read: %s.',
    next: 'The record is listed as failed and was not run. The cause is attached.',
  },
  AFTERWORD_SET_ASIDE: {
    happened: 'The record %s was set aside: %s.',
    next: 'The record is listed as failed, where the database takes that; others are not held up.',
  },
  AFTERWORD_NOT_ANSWERED: {
    happened: 'It is not known whether the record was cancelled: %s.',
    next: 'Cancel it once more: a record that was cancelled meanwhile is not there any more.',
  },
  AFTERWORD_NOT_PAUSED: {
    happened: 'A job could not be paused, or resumed: %s.',
    next: 'The job goes on as before. %s',
  },
  AFTERWORD_NO_BACKUP: {
    happened: '%s keeps its calls in a database of its own, and afterword backup copies journals only.',
    next: 'Back up that database as you do all others: pg_dump has the calls, too, and so have the files of Redis.',
  },
  AFTERWORD_POISON: {
    happened:
      'The job "%s" (%s) seems to end its process: four times in a row, a process lived without it for a while, and ended as soon as it ran.',
    next: 'The record is listed as failed and not run again. Once the job is mended, retry the record: afterword retry.',
  },
  ...engineErrors,
  AFTERWORD_ALREADY_STARTED: {
    happened: 'configure was called after the first use, or a second time with other options.',
    next: 'Call configure once, before the first request, defer or attach; close() ends an instance and allows a new one.',
  },
  AFTERWORD_CLOSED: {
    happened: 'The call of "%s" came after close().',
    next: 'Call before close(), or register the work with onShutdown.',
  },
  AFTERWORD_OVERLOADED: {
    happened: '%s tasks are waiting, of %s at most.',
    next: 'Answer 503 with Retry-After (the error carries both), or raise maxBacklog if memory allows it.',
  },
  AFTERWORD_TASK_FAILED: {
    happened: 'The task %s failed in attempt %s%s.',
    next: 'The cause is attached; the other tasks of its scope ran all the same.',
  },
  AFTERWORD_TASK_RETRIED: {
    happened: 'The task %s failed in attempt 1: %s.',
    next: 'It is kept, and tried again in %s ms%s. afterword show tells the last error; the last failure is reported in full.',
  },
  AFTERWORD_TASK_TIMED_OUT: {
    happened: 'The task %s did not end within %s ms in attempt %s. The task was deferred at %s.',
    next: 'Pass currentTask()?.signal to what it waits for, or raise its timeout.',
  },
  AFTERWORD_TASK_SKIPPED: {
    happened: "The task %s was skipped because an earlier task of its scope did not succeed and onError is 'stop'.",
    next: "Use onError: 'continue' if it does not depend on the earlier tasks.",
  },
  AFTERWORD_OUT_OF_TIME: {
    happened: 'The task %s did not run: the time that the host gives to the work of a request was up.',
    next: 'Make the tasks of a request shorter, or do it elsewhere: Cloudflare Workers end all work 30 s after the response.',
  },
  AFTERWORD_BATCH_FAILED: {
    happened: 'The batch "%s" failed for %s of %s items in their last attempt%s.',
    next: 'The cause is attached. Name those that failed with a BatchError; the others are then done.',
  },
  AFTERWORD_SLOW_TASK: {
    happened: 'The task %s kept the event loop busy for %s ms of CPU time. The task was deferred at %s.',
    next: 'Requests waited meanwhile: split it with await currentTask()?.yield(), or run it as a job in a thread.',
  },
  AFTERWORD_STALLED: {
    happened: '%s tasks take all places, and none of them has ended in %s s: %s others wait. Those that run are %s.',
    next: 'Pass currentTask()?.signal to what they wait for, give them a shorter timeout, or raise concurrency.',
  },
  AFTERWORD_RUN_SKIPPED: {
    happened: 'A hook of around(...) ended without a call of run: the task %s did not run.',
    next: 'Return run() in every case, or throw an error that says why the task must not run.',
  },
  AFTERWORD_LATE_REJECTION: {
    happened: 'The task %s rejected after it had timed out.',
    next: 'Its outcome stays timed-out; pass currentTask()?.signal to what it waits for.',
  },
  AFTERWORD_LATE_WRITE: {
    happened: '%s was called on the response to %s %s after it had been sent.',
    next: 'The call was discarded; write before the response ends, a task can no longer reach the client.',
  },
  AFTERWORD_RESPONSE_FAILED: {
    happened: 'The response to %s %s was held, and Node refused to send it as the handler had ended it.',
    next: 'The response was broken off. The cause is attached: the error that Node would have thrown to the handler, had the response not waited.',
  },
  AFTERWORD_RESPONSE_NOT_RETURNED: {
    happened: 'finishRequest was called before the handler of %s %s returned its response.',
    next: 'Return the response, and defer what comes after it: only a handler that writes its response itself can end it.',
  },
  AFTERWORD_NO_SCOPE: {
    happened:
      '%s was called in a request (%s), but no adapter has opened a scope for it: the task did not wait for the response.',
    next: 'Register the adapter ahead of the routes (in Next: register() in instrumentation.ts), or import afterword/auto first.',
  },
  AFTERWORD_SHARED_CONNECTION: {
    happened: '%s was called in a callback of a connection, as code of %s %s, whose response was sent before.',
    next: 'If the callback serves another request, its task waits for the wrong response: use defer.in(req), or bind(callback).',
  },
  AFTERWORD_STUCK: {
    happened: 'The response to %s %s was still not sent after %s ms.',
    next: 'Its tasks run now. End every response, or use defer.with({ now: true }) in streams that stay open.',
  },
  AFTERWORD_CALLBACK_FAILED: {
    happened: 'A function given to %s threw%s.',
    next: 'The cause is attached; nothing else was affected.',
  },
  AFTERWORD_DASHBOARD_ROLE: {
    happened: 'authorize of dashboard(...) returned %s, which is no role: nobody was let in.',
    next: "Return 'read', 'write', false, or { role, actor }.",
  },
  AFTERWORD_NO_SIGNALS: {
    happened:
      'This worker thread has an adapter or onShutdown functions, but no signal reaches it: signals come to the main thread.',
    next: "Import 'afterword' in the main thread, which then passes signals on; or set signals: false and await close() yourself.",
  },
  AFTERWORD_UNFINISHED: {
    happened: 'The process ends with unfinished tasks: %s.',
    next: '%s',
  },
} as const satisfies Record<string, { happened: string; next: string }>
