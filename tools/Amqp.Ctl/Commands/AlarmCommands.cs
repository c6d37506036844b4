using System.Globalization;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Amqp.Ctl.Output;
using static Amqp.Ctl.Control.ControlClient;

namespace Amqp.Ctl.Commands;

/// <summary>The limits of memory and disk from which publishers are blocked. What is set here holds until the broker restarts.</summary>
internal static partial class AlarmCommands
{
    private const string Absolute = "absolute";
    private const string MemoryRelative = "mem_relative";

    /// <summary>The units that rabbitmqctl takes, in bytes.</summary>
    private static readonly Dictionary<string, long> Units = new()
    {
        [""] = 1,
        ["k"] = 1 << 10,
        ["kiB"] = 1 << 10,
        ["M"] = 1 << 20,
        ["MiB"] = 1 << 20,
        ["G"] = 1 << 30,
        ["GiB"] = 1 << 30,
        ["kB"] = 1_000,
        ["MB"] = 1_000_000,
        ["GB"] = 1_000_000_000,
    };

    public static CommandGroup Group { get; } = new("Configuration and Environment",
    [
        new("set_disk_free_limit", "set_disk_free_limit <disk_limit> | mem_relative <fraction>", "Sets the disk_free_limit setting")
        {
            ArgumentsMin = 1,
            ArgumentsMax = 2,
            Validate = invocation => DiskLimit(invocation),
            Banner = invocation => invocation[0] == MemoryRelative
                ? $"Setting disk free limit on {invocation.Node} to {invocation[1]} times the total RAM ..."
                : $"Setting disk free limit on {invocation.Node} to {invocation[0]} bytes ...",
            Run = invocation => Set(invocation, "disk-free-limit", DiskLimit(invocation)),
        },
        new("set_vm_memory_high_watermark", "set_vm_memory_high_watermark <fraction> | absolute <value>", "Sets the vm_memory_high_watermark setting")
        {
            ArgumentsMin = 1,
            ArgumentsMax = 2,
            Validate = invocation => Watermark(invocation),
            Banner = invocation => invocation[0] == Absolute
                ? $"Setting memory threshold on {invocation.Node} to {invocation[1]} bytes ..."
                : $"Setting memory threshold on {invocation.Node} to {invocation[0]} ...",
            Run = invocation => Set(invocation, "memory-high-watermark", Watermark(invocation)),
        },
        .. LogCommands.Commands,
    ]);

    private static async Task<Result> Set(Invocation invocation, string what, JsonObject body)
    {
        (await invocation.Client.Put(Path("nodes", invocation.Node, what), body, invocation.Cancel)).Good();
        return Result.Done;
    }

    private static JsonObject DiskLimit(Invocation invocation)
    {
        var isRelative = invocation[0] == MemoryRelative;
        if (isRelative && invocation.Arguments.Count == 1) throw BadArguments.NotEnough();
        if (!isRelative && invocation.Arguments.Count == 2) throw BadArguments.TooMany();
        if (isRelative) return Fraction(invocation[1]) is >= 0 and var fraction ? new() { ["mem_relative"] = fraction } : throw BadArguments.Argument();
        return Amount().Match(invocation[0]) is { Success: true } amount && Bytes(amount) is >= 0 and var bytes ? new() { ["absolute"] = bytes } : throw BadArguments.Argument();
    }

    private static JsonObject Watermark(Invocation invocation)
    {
        var isAbsolute = invocation[0] == Absolute;
        if (isAbsolute && invocation.Arguments.Count == 1) throw BadArguments.NotEnough();
        if (!isAbsolute && invocation.Arguments.Count == 2) throw BadArguments.TooMany();
        if (!isAbsolute)
        {
            var fraction = Fraction(invocation[0]) ?? throw BadArguments.Argument();
            return fraction is >= 0 and <= 1 ? new() { ["relative"] = fraction } : throw BadArguments.Argument("The threshold should be a fraction between 0.0 and 1.0");
        }
        if (Amount().Match(invocation[1]) is not { Success: true } amount) throw BadArguments.Argument();
        if (amount.Groups["unit"].Value.StartsWith('.')) throw BadArguments.Argument("The threshold should be an integer.");
        return Bytes(amount) switch
        {
            null => throw BadArguments.Argument("Invalid units."),
            > 0 and var bytes => new() { ["absolute"] = bytes },
            _ => throw BadArguments.Argument("The threshold should be more than nothing."),
        };
    }

    private static double? Fraction(string text) => double.TryParse(text, NumberStyles.Float & ~NumberStyles.AllowLeadingWhite & ~NumberStyles.AllowTrailingWhite, CultureInfo.InvariantCulture, out var fraction) && double.IsFinite(fraction) ? fraction : null;

    /// <returns>Null: no such unit, or more than can be counted.</returns>
    private static long? Bytes(Match amount) =>
        Units.TryGetValue(amount.Groups["unit"].Value, out var unit) && Int128.TryParse(amount.Groups["number"].Value, CultureInfo.InvariantCulture, out var number)
        && number * unit is var bytes && bytes >= long.MinValue && bytes <= long.MaxValue
            ? (long)bytes
            : null;

    [GeneratedRegex(@"^(?<number>[+-]?[0-9]{1,18})(?<unit>.*)\z", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Amount();
}
