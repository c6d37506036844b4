using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Amqp.Ctl.Output;
using static Amqp.Ctl.Control.ControlClient;

namespace Amqp.Ctl.Commands;

/// <summary>
/// <c>eval</c>: there is no Erlang here, but Pacemaker's agent, Puppet and the cluster operator ask a few fixed questions in it. These are answered as Erlang
/// would print the answers; every other expression is refused.
/// </summary>
internal static partial class EvalCommand
{
    private static readonly Dictionary<string, Func<Invocation, Task<string>>> Known = new(StringComparer.Ordinal)
    {
        ["ok."] = _ => Task.FromResult("ok"),
        ["application:which_applications()."] = Applications,
        ["rabbit_mnesia:cluster_status_from_mnesia()."] = async invocation => Status(await Nodes(invocation)),
        ["length(mnesia:system_info(running_db_nodes))."] = async invocation => $"{(await Nodes(invocation)).Count(node => node.IsRunning)}",
        ["rabbit_mnesia:is_clustered()."] = async invocation => (await Nodes(invocation)).Count > 1 ? "true" : "false",
        ["rabbit_nodes:reached_target_cluster_size()."] = _ => Task.FromResult("true"),
    };

    public static CtlCommand Command { get; } = new("eval", "eval <expression>", "Answers a few expressions of Erlang that tools ask; there is no Erlang here to evaluate others")
    {
        Arguments = 1,
        ShowsTimeout = true,
        Run = async invocation => new Result.Message(await Answer(invocation)),
    };

    private static async Task<string> Answer(Invocation invocation)
    {
        var expression = Spaces().Replace(invocation[0].Trim(), "");
        if (Known.TryGetValue(expression, out var answer)) return await answer(invocation);
        if (Login().Match(expression) is { Success: true } login) return await LogIn(invocation, login.Groups["user"].Value, login.Groups["password"].Value);
        throw Failure.Error(
            ExitCode.Usage, $"there is no Erlang here, and this is none of the expressions that are answered in its place. Those are:\n{string.Join('\n', Known.Keys.Append("""rabbit_access_control:check_user_pass_login(list_to_binary("user"), list_to_binary("password")).""").Select(known => $"  {known}"))}");
    }

    private static async Task<string> Applications(Invocation invocation)
    {
        var version = (await invocation.Client.Get(Path("overview"), invocation.Cancel)).Good().GetProperty("rabbitmq_version").GetString();
        return $$"""[{rabbit,"RabbitMQ","{{version}}"}]""";
    }

    private static async Task<List<(string Name, bool IsRunning)>> Nodes(Invocation invocation) =>
    [
        .. (await invocation.Client.Get(Path("nodes"), invocation.Cancel)).Good().EnumerateArray()
            .Select(node => (node.GetProperty("name").GetString()!, node.GetProperty("running").GetBoolean())),
    ];

    private static string Status(List<(string Name, bool IsRunning)> nodes)
    {
        var all = string.Join(',', nodes.Select(node => Erlang.Atom(node.Name)));
        return $"{{ok,{{[{all}],[{all}],[{string.Join(',', nodes.Where(node => node.IsRunning).Select(node => Erlang.Atom(node.Name)))}]}}}}";
    }

    private static async Task<string> LogIn(Invocation invocation, string user, string password)
    {
        var answer = await invocation.Client.Post(Path("users", user, "authenticate"), new JsonObject { ["password"] = password }, invocation.Cancel);
        return !answer.IsMissing && answer.Good().GetProperty("authenticated").GetBoolean()
            ? $$$"""{ok,{user,<<"{{{user}}}">>,[],[{rabbit_auth_backend_internal,none}]}}"""
            : $$"""{refused,<<"{{user}}">>,"user '~ts' - invalid credentials",[<<"{{user}}">>]}""";
    }

    [GeneratedRegex("""^rabbit_access_control:check_user_pass_login\(list_to_binary\("(?<user>[^"]*)"\),list_to_binary\("(?<password>[^"]*)"\)\)\.$""", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Login();

    // Outside of texts, where a password may have some.
    [GeneratedRegex("""\s+(?=([^"]*"[^"]*")*[^"]*$)""", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Spaces();
}
