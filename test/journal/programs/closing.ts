import { Afterword } from '../../../src/index.ts'

// Closes its instance while a call is being stored, and has nothing else that would hold the process.
const afterword = new Afterword({ journal: String(process.argv[2]), shutdownTimeout: 0 })
let runs = 0
const task = afterword.job('note', () => void runs++).defer()
const outcome = task.outcome.then(({ status }) => status)
await afterword.close()
console.log(JSON.stringify({ runs, outcome: await outcome }))
