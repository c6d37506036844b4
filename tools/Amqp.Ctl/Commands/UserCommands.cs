using System.CommandLine;
using System.Security.Cryptography;
using System.Text.Json.Nodes;
using Amqp.Core.Security;
using Amqp.Ctl.Output;
using Spectre.Console;
using static Amqp.Ctl.Control.ControlClient;

namespace Amqp.Ctl.Commands;

/// <summary>Users, their passwords and their tags. A password that is not among the arguments is read from the standard input.</summary>
internal static class UserCommands
{
    private const string PasswordPrompt = "Password: ";

    private static readonly Option<bool> PreHashed = new("--pre-hashed-password") { Description = "Use to pass in a password hash instead of a clear text password. Disabled by default" };

    private static readonly IReadOnlyList<Column> Columns = [new("user", Key: "name"), new("tags", Kind.Atoms)];

    public static CommandGroup Group { get; } = new("Users",
    [
        new("add_user", "add_user <username> [<password>] [<password_hash> --pre-hashed-password]", "Creates a new user in the internal database. This user will have no permissions for any virtual hosts by default.")
        {
            ArgumentsMin = 1,
            ArgumentsMax = 2,
            SecretsFrom = 1,
            Options = [PreHashed],
            Validate = invocation =>
            {
                if (invocation.Arguments.Count < 2) return;
                if (invocation[0].Length == 0) throw BadArguments.Argument("user cannot be an empty string");
                if (invocation.Get(PreHashed) && !IsBase64(invocation[1])) throw BadArguments.Argument("Could not Base64 decode provided password hash value");
            },
            Banner = invocation => $"Adding user \"{invocation[0]}\" ...",
            Run = Add,
        },
        new("authenticate_user", "authenticate_user <username> <password>", "Attempts to authenticate a user. Exits with a non-zero code if authentication fails.")
        {
            ArgumentsMin = 1,
            ArgumentsMax = 2,
            SecretsFrom = 1,
            Banner = invocation => $"Authenticating user \"{invocation[0]}\" ...",
            Run = Authenticate,
        },
        new("change_password", "change_password <username> <password>", "Changes the user password")
        {
            ArgumentsMin = 1,
            ArgumentsMax = 2,
            SecretsFrom = 1,
            Banner = invocation => $"Changing password for user \"{invocation[0]}\" ...",
            Run = async invocation => await SetPassword(invocation, Password(invocation, 1, PasswordPrompt, ExitCode.Software), () => NoSuchUser(invocation[0])),
        },
        new("clear_password", "clear_password <username>", "Clears (resets) password and disables password login for a user")
        {
            Arguments = 1,
            Banner = invocation => $"Clearing password for user \"{invocation[0]}\" ...",
            Run = invocation => SetPassword(invocation, null, () => Failure.Term("no_such_user", invocation[0])),
        },
        new("delete_user", "delete_user <username>", "Removes a user from the internal database. Has no effect on users provided by external backends such as LDAP")
        {
            Arguments = 1,
            Banner = invocation => $"Deleting user \"{invocation[0]}\" ...",
            Run = Delete,
        },
        new("hash_password", "hash_password <cleartext_password>", "Hashes a plaintext password")
        {
            ArgumentsMax = 1,
            SecretsFrom = 0,
            Needs = _ => Needs.Nothing,
            Validate = invocation =>
            {
                if (invocation.Arguments is [""]) throw BadArguments.Argument("password cannot be an empty string");
            },
            Banner = _ => "Will hash provided password",
            Run = invocation => Task.FromResult<Result>(new Result.Message(Hash(Password(invocation, 0, PasswordPrompt, ExitCode.Software)))),
        },
        new("list_users", "list_users [--no-table-headers]", "List user names and tags")
        {
            ShowsTimeout = true,
            Banner = _ => "Listing users ...",
            Run = async invocation => Listing.Of((await invocation.Client.Get(Path("users"), invocation.Cancel)).Good(), Columns, isStream: false),
        },
        new("set_user_tags", "set_user_tags <username> <tag> [...]", "Sets user tags")
        {
            ArgumentsMin = 1,
            ArgumentsMax = int.MaxValue,
            Banner = invocation => $"Setting tags for user \"{invocation[0]}\" to [{string.Join(", ", invocation.Arguments.Skip(1))}] ...",
            Run = SetTags,
        },
    ]);

    /// <summary>What the commands on users say of one that is not there.</summary>
    private static Failure NoSuchUser(string name) => Failure.Error(ExitCode.NoUser, $"User \"{name}\" does not exist", json: $"User {name} does not exists");

    private static async Task<Result> Add(Invocation invocation)
    {
        var name = invocation[0];
        var isHash = invocation.Get(PreHashed);
        var secret = Password(invocation, 1, isHash ? "Hashed and salted password: " : PasswordPrompt, ExitCode.Data);
        if (isHash && !IsBase64(secret)) throw Failure.Error(ExitCode.Data, "Could not Base64 decode provided password hash value");

        // A blank password is for users who log in without one: that is a blank hash.
        var body = new JsonObject { [isHash || secret.Length == 0 ? "password_hash" : "password"] = secret, ["tags"] = "" };
        var answer = await invocation.Client.Create(Path("users", name), body, invocation.Cancel);
        if (answer.Exists) throw Failure.Error(ExitCode.Software, $"User \"{name}\" already exists", json: $"User {name} already exists");
        answer.Good();

        var text = $"Done. Don't forget to grant the user permissions to some virtual hosts! See '{Program.Name} help set_permissions' to learn more.";
        if (invocation.IsQuiet && invocation.Formatter is not JsonFormatter) return Result.Done;
        return new Result.Document(text, new JsonObject { ["message"] = text, ["node"] = invocation.Node, ["status"] = "ok" });
    }

    private static async Task<Result> Authenticate(Invocation invocation)
    {
        var password = Password(invocation, 1, PasswordPrompt, ExitCode.Software);
        var answer = await invocation.Client.Post(Path("users", invocation[0], "authenticate"), new JsonObject { ["password"] = password }, invocation.Cancel);
        // Who tries names learns the same of those that there are and of those that there are not.
        if (!answer.IsMissing && answer.Good().GetProperty("authenticated").GetBoolean()) return new Result.Message("Success");
        throw Failure.Error(ExitCode.Data, $"Error: failed to authenticate user \"{invocation[0]}\"\nuser '{invocation[0]}' - invalid credentials");
    }

    /// <param name="password">None, or a blank one: the user cannot log in by password.</param>
    private static async Task<Result> SetPassword(Invocation invocation, string? password, Func<Failure> missing)
    {
        var answer = await invocation.Client.Put(Path("users", invocation[0], "password"), new JsonObject { ["password"] = password is "" ? null : password }, invocation.Cancel);
        if (answer.IsMissing) throw missing();
        answer.Good();
        return Result.Done;
    }

    /// <summary>Since RabbitMQ 3.13 it is no error that there is none (rabbit_auth_backend_internal:delete_user/2).</summary>
    private static async Task<Result> Delete(Invocation invocation)
    {
        var answer = await invocation.Client.Delete(Path("users", invocation[0]), invocation.Cancel);
        if (!answer.IsMissing) answer.Good();
        return Result.Done;
    }

    private static async Task<Result> SetTags(Invocation invocation)
    {
        var tags = new JsonArray([.. invocation.Arguments.Skip(1).Select(tag => JsonValue.Create(tag))]);
        var answer = await invocation.Client.Put(Path("users", invocation[0], "tags"), new JsonObject { ["tags"] = tags }, invocation.Cancel);
        if (answer.IsMissing) throw NoSuchUser(invocation[0]);
        answer.Good();
        return Result.Done;
    }

    /// <param name="index">The argument that it is, if there are so many.</param>
    /// <param name="code">The exit code when it is nowhere.</param>
    private static string Password(Invocation invocation, int index, string prompt, int code)
    {
        if (invocation.Arguments.Count > index) return invocation[index];
        if (!Console.IsInputRedirected) return AnsiConsole.Prompt(new TextPrompt<string>(prompt.TrimEnd()).AllowEmpty().Secret(mask: null));
        if (!invocation.IsQuiet && !invocation.Formatter.IsForPrograms) Console.WriteLine(prompt);
        return Console.In.ReadLine()?.Trim() ?? throw Failure.Error(code, "Password is not provided via argument or stdin");
    }

    private static string Hash(string password) => Convert.ToBase64String([.. PasswordHash.Of(password, RandomNumberGenerator.GetBytes(PasswordHash.SaltBytes)).Bytes]);

    private static bool IsBase64(string text) => Convert.TryFromBase64String(text, new byte[text.Length], out _);
}
