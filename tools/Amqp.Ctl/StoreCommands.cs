using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Amqp.Storage;
using Amqp.Storage.Inspection;
using Amqp.Storage.Lite;

namespace Amqp.Ctl;

/// <summary>Commands about a data directory that no broker uses. They change nothing in it.</summary>
internal static class StoreCommands
{
    private const int SegmentsPerLine = 50;

    private static readonly JsonSerializerOptions Json = new() { PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower, WriteIndented = true };

    public static Command Store()
    {
        var command = new Command("store", "Look into the data directory of a broker that does not run");
        command.Subcommands.Add(Info());
        command.Subcommands.Add(Verify());
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
        command.SetAction(result =>
        {
            try
            {
                if (DataDirectory.EngineOf(result.GetValue(directory)!) is null)
                {
                    Program.Fail($"'{result.GetValue(directory)}' is no data directory of a broker: it has no file 'format.json'.");
                    return ExitCode.NoInput;
                }
                using var store = StoreInspection.Open(result.GetValue(directory)!, BuiltInEngines.All);
                return look(store, result);
            }
            catch (StorageException exception)
            {
                Program.Fail(exception.Message);
                return ExitCode.Unavailable;
            }
        });
        return command;
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
        foreach (var place in verdict.TornEnds) Say($"cut off\t{Where(place)}: nobody was told that this was stored");
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
