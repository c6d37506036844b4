using System.CommandLine;
using Amqp.Bench;
using Spectre.Console;

var messages = new Option<int>("--messages") { Description = "messages of 100 bytes in the large queue", DefaultValueFactory = _ => 10_000_000 };
var queues = new Option<int>("--queues") { Description = "durable queues with one message each", DefaultValueFactory = _ => 100_000 };
var directory = new Option<string>("--directory") { Description = "where to put the data, which is deleted afterwards", DefaultValueFactory = _ => Path.GetTempPath() };

var storage = new Command("storage", "Measure the message store: flushes, opening, memory, merging, space") { messages, queues, directory };
storage.SetAction(parsed =>
{
    using var bench = new StorageBench(parsed.GetValue(directory)!, AnsiConsole.Console);
    bench.Run(parsed.GetValue(messages), parsed.GetValue(queues));
});

// Not for people: fills a data directory and ends without closing it, as a kill does.
var fillQueues = new Option<int>("--queues") { Required = true };
var fillMessages = new Option<int>("--messages") { Required = true };
var fillDirectory = new Option<string>("--directory") { Required = true };
var fill = new Command("fill") { fillQueues, fillMessages, fillDirectory };
fill.Hidden = true;
fill.SetAction(parsed => Filling.Fill(parsed.GetValue(fillDirectory)!, parsed.GetValue(fillQueues), parsed.GetValue(fillMessages)));

return new RootCommand("Measures the broker beside what the machine can do.") { storage, fill }.Parse(args).Invoke();
