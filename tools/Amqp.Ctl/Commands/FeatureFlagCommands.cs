using System.CommandLine;
using Amqp.Ctl.Output;
using static Amqp.Ctl.Control.ControlClient;

namespace Amqp.Ctl.Commands;

/// <summary>What tools can count on. All that is there is enabled, so that nothing can be changed.</summary>
internal static class FeatureFlagCommands
{
    private const string All = "all";

    private static readonly Option<bool> Experimental = new("--experimental") { Description = "required to enable experimental feature flags: there are none" };

    private static readonly IReadOnlyList<Column> OfFlags = [new("name"), new("state", Kind.Atom), new("stability", Kind.Atom), new("provided_by", Kind.Atom), new("desc"), new("doc_url")];

    public static CommandGroup Group { get; } = new("Feature flags",
    [
        new("enable_feature_flag", "enable_feature_flag [--experimental] <all | feature_flag>", "Enables a feature flag or all supported feature flags on the target node")
        {
            Arguments = 1,
            Options = [Experimental],
            Validate = invocation =>
            {
                if (invocation[0].Length == 0) throw BadArguments.Argument("feature_flag cannot be an empty string.");
                if (invocation[0] == All && invocation.Get(Experimental))
                    throw BadArguments.Usage("`--experimental` flag is not allowed when enabling all feature flags.\nUse --experimental with a specific feature flag if you want to enable an experimental feature.");
            },
            Banner = invocation => invocation[0] == All ? "Enabling all feature flags ..." : $"Enabling feature flag \"{invocation[0]}\" ...",
            Run = Enable,
        },
        new("list_feature_flags", "list_feature_flags [<column> ...]", "Lists feature flags")
        {
            ArgumentsMax = int.MaxValue,
            Columns = [.. OfFlags.Select(column => column.Name)],
            ShowsTimeout = true,
            Validate = Listing.Check,
            Banner = _ => "Listing feature flags ...",
            Run = async invocation =>
            {
                var flags = (await invocation.Client.Get(Path("feature-flags"), invocation.Cancel)).Good();
                return Listing.Of(flags, [.. Listing.Names(invocation, ["name", "state"]).Select(name => OfFlags.First(column => column.Name == name))]);
            },
        },
    ]);

    private static async Task<Result> Enable(Invocation invocation)
    {
        var flags = (await invocation.Client.Get(Path("feature-flags"), invocation.Cancel)).Good();
        if (invocation[0] == All || flags.EnumerateArray().Any(flag => flag.GetProperty("name").GetString() == invocation[0])) return Result.Done;
        throw Failure.Error(ExitCode.Usage, $"This feature flag is not supported by node {invocation.Node}");
    }
}
