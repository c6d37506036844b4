using System.CommandLine;
using System.CommandLine.Help;
using System.Globalization;
using System.Text.Json;
using Amqp.Storage;
using Amqp.Storage.Conversion;
using Amqp.Storage.Inspection;
using Amqp.Storage.Lite;
using Amqp.Storage.Segments;
using Spectre.Console;

namespace Amqp.Ctl.Commands;

/// <summary>Commands about a data directory that no broker uses. But for the conversion they change nothing in it.</summary>
internal static class StoreCommands
{
    public const string Description = "Look into the data directory of a broker that does not run";

    private const int SegmentsPerLine = 50;

    private static readonly JsonSerializerOptions Json = new() { PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower, WriteIndented = true };

    public static Command Store()
    {
        var command = new Command("store", Description);
        command.Options.Add(new HelpOption());
        command.Subcommands.Add(Info());
        command.Subcommands.Add(Verify());
        command.Subcommands.Add(Convert());
        return command;
    }

    private static Command Info()
    {
        var formatter = new Option<string>("--formatter") { Description = "table or json", DefaultValueFactory = _ => "table" };
        formatter.AcceptOnlyFromAmong("table", "json");
        return Looking("info", "Print what is in a data directory", formatter, (store, result) =>
        {
            var report = store.Report();
            if (result.GetValue(formatter) == "json") Console.WriteLine(JsonSerializer.Serialize(report, Json));
            else Print(report);
            return ExitCode.Ok;
        });
    }

    private static Command Verify()
    {
        var quiet = new Option<bool>("--quiet", "-q") { Description = "Print the result only" };
        return Looking("verify", "Read all of a data directory and print what is damaged", quiet, (store, result) =>
        {
            var verdict = store.Verify((segments, of) =>
            {
                if (!result.GetValue(quiet) && (segments % SegmentsPerLine == 0 || segments == of)) Say($"segment {segments} of {of}");
            });
            Print(verdict);
            return verdict.IsWhole ? ExitCode.Ok : ExitCode.Data;
        });
    }

    private static Command Looking(string name, string description, Option option, Func<StoreInspection, ParseResult, int> look)
    {
        var directory = new Argument<string>("directory") { Description = "The data directory (Storage:Directory of the broker)" };
        var command = new Command(name, description);
        command.Arguments.Add(directory);
        command.Options.Add(option);
        command.SetAction(result => Try(result.GetValue(directory)!, path =>
        {
            using var store = StoreInspection.Open(path, StoreEngines.All);
            return look(store, result);
        }));
        return command;
    }

    private static int Try(string directory, Func<string, int> run)
    {
        try
        {
            if (DataDirectory.EngineOf(directory) is not null) return run(directory);
            Program.Fail($"'{directory}' is no data directory of a broker: it has no file 'format.json'.");
            return ExitCode.NoInput;
        }
        catch (StorageException exception)
        {
            Program.Fail(exception.Message);
            return ExitCode.Unavailable;
        }
    }

    private static Command Convert()
    {
        var to = new Option<string>("--to") { Description = "The engine that is to have the messages: litedb or journal", Required = true };
        to.AcceptOnlyFromAmong([.. StoreEngines.Names]);
        var quiet = new Option<bool>("--quiet", "-q") { Description = "Print the result only" };
        var directory = new Argument<string>("directory") { Description = "The data directory (Storage:Directory of the broker)" };
        var command = new Command("convert", "Move the messages of a data directory to another storage engine") { directory, to, quiet };
        command.SetAction(result => Try(result.GetValue(directory)!, path =>
        {
            var target = EngineChoice.Of(result.GetValue(to)!, StoreEngines.All);
            var converted = result.GetValue(quiet)
                ? StoreConversion.Run(path, target, StoreEngines.All, (_, _, _) => { })
                : WithProgress(progress => StoreConversion.Run(path, target, StoreEngines.All, progress));
            if (converted.From == target.Name) Say($"unchanged\tthe engine is {target.Name} already");
            else Say($"converted\t{converted.Messages} messages from {converted.From} to {target.Name}, {converted.Copied} segments copied, {converted.Kept} were there already");
            return ExitCode.Ok;
        }));
        return command;
    }

    /// <summary>Draws two bars on the standard error, so that the output stays what it is.</summary>
    private static ConversionResult WithProgress(Func<Action<ConversionStep, long, long>, ConversionResult> run)
    {
        var console = AnsiConsole.Create(new AnsiConsoleSettings
        {
            Out = new AnsiConsoleOutput(Console.Error),
            // Left to itself it looks at the standard output.
            Ansi = Console.IsErrorRedirected ? AnsiSupport.No : AnsiSupport.Detect,
            Interactive = Console.IsErrorRedirected ? InteractionSupport.No : InteractionSupport.Detect,
        });
        return console.Progress().Columns(new TaskDescriptionColumn(), new ProgressBarColumn(), new PercentageColumn(), new RemainingTimeColumn()).Start(context =>
        {
            var tasks = new Dictionary<ConversionStep, ProgressTask>
            {
                [ConversionStep.Copy] = context.AddTask("copying segments", autoStart: false),
                [ConversionStep.Verify] = context.AddTask("verifying", autoStart: false),
            };
            return run((step, done, of) =>
            {
                var task = tasks[step];
                if (!task.IsStarted) task.StartTask();
                (task.MaxValue, task.Value) = (of, done);
            });
        });
    }

    private static void Print(StoreReport report)
    {
        Say($"directory\t{report.Directory}");
        Say($"format\tversion {report.Version}, engine {report.Engine}");
        Say($"openings\t{report.Openings}");
        Say($"exchanges\t{report.Exchanges}");
        Say($"queues\t{report.Queues.Count}");
        Say($"bindings\t{report.Bindings}");
        Say($"segments\t{report.Segments}");
        Say($"bytes on disk\t{report.SegmentBytes}");
        Say($"bytes needed\t{report.NeededBytes}");
        Say($"shared bodies\t{report.SharedBodies}");
        Say($"damaged parts set aside\t{report.SetAside}");
        Say($"messages of unknown queues\t{report.UnknownMessages} of {report.UnknownQueues} queues");
        Say($"");
        Say($"vhost\tname\tmessages\tbytes");
        foreach (var queue in report.Queues) Say($"{queue.VirtualHost}\t{queue.Name}\t{queue.Messages}\t{queue.Bytes}");
    }

    private static void Print(StoreVerdict verdict)
    {
        Say($"definitions\t{verdict.Definitions}");
        foreach (var (type, count) in verdict.Records) Say($"records {type}\t{count}");
        Say($"messages\t{verdict.Messages}");
        foreach (var place in verdict.TornEnds) Say($"cut off\t{Where(place)}: this was never reported as stored");
        foreach (var place in verdict.Damages) Say($"damaged\t{Where(place)}{(place.Queues.Count > 0 ? $" ({string.Join(", ", place.Queues)})" : "")}");
        Say($"{(verdict.IsWhole ? "whole" : "damaged")}\t{verdict.Damages.Count} damaged places");
    }

    private static string Where(DamagedPlace place)
    {
        var range = place.Offset < 0 ? "" : $", offset {place.Offset}{(place.Length > 0 ? $", {place.Length} bytes" : "")}";
        return $"{place.File}{range}: {place.What}";
    }

    private static void Say(FormattableString text) => Console.WriteLine(text.ToString(CultureInfo.InvariantCulture));
}
