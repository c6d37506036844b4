using System.CommandLine;
using System.Globalization;

namespace Amqp.Ctl;

/// <summary>The options that every command has, before or behind its name.</summary>
internal static class GlobalOptions
{
    private const double TimeoutSecondsMax = 86_400;

    public static readonly Option<bool> Help = new("--help", "-?", "-h") { Description = "displays command help" };
    public static readonly Option<string?> Node = new("--node", "-n") { Description = "the node that is meant; it is an error if another one answers" };

    /// <summary>There are no short and long names here that could not reach each other; any name is taken as it is given.</summary>
    public static readonly Option<bool> LongNames = new("--longnames", "-l") { Description = "as rabbitmqctl; node names are compared as given, long or short" };
    public static readonly Option<double?> Timeout = new("--timeout", "-t") { Description = "for all of the command, in seconds" };
    public static readonly Option<bool> Quiet = new("--quiet", "-q") { Description = "suppress informational messages" };
    public static readonly Option<bool> Silent = new("--silent", "-s") { Description = "suppress informational messages and table header row" };
    public static readonly Option<string> VirtualHost = new("--vhost", "-p") { Description = "for commands that are scoped to a virtual host, virtual host to use", DefaultValueFactory = _ => "/" };
    public static readonly Option<string> Formatter = new("--formatter") { Description = "form of the result: table, pretty_table, csv, json, erlang", DefaultValueFactory = _ => "table" };
    public static readonly Option<bool> NoTableHeaders = new("--no-table-headers") { Description = "no line of column names" };
    public static readonly Option<bool> TableHeaders = new("--table-headers") { Description = "a line of column names where there would be none" };
    public static readonly Option<string?> Socket = new("--socket") { Description = "path of the broker's control socket" };
    public static readonly Option<string?> DataDirectory = new("--data-directory") { Description = "data directory of the broker, where its control socket is" };

    public static readonly Option<string?> Url = new("--url") { Description = "of a broker anywhere, by its management API: http://user:password@host:15672; also AMQPCTL_URL" };

    static GlobalOptions()
    {
        Timeout.Validators.Add(result =>
        {
            if (!double.TryParse(result.Tokens[^1].Value, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var seconds) || seconds is not (> 0 and <= TimeoutSecondsMax)) result.AddError("--timeout is more than 0 and at most 86400 seconds");
        });
        Formatter.Validators.Add(result =>
        {
            if (!Output.Formatter.All.ContainsKey(result.GetValueOrDefault<string>()!)) result.AddError("no such formatter");
        });
    }

    public static IReadOnlyList<Option> All => [Help, Node, LongNames, Timeout, Quiet, Silent, VirtualHost, Formatter, NoTableHeaders, TableHeaders, Socket, DataDirectory, Url];
}
