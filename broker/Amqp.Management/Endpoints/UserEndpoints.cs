using System.Collections.Immutable;
using System.Security.Cryptography;
using Amqp.Core.Security;
using Amqp.Core.Topology;
using Amqp.Management.Http;
using Amqp.Management.Logins;
using Amqp.Management.OpenApi;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Amqp.Management.Endpoints;

/// <summary>Users, their passwords and tags.</summary>
internal sealed class UserEndpoints(INodeHost host)
{
    public void Map(IEndpointRouteBuilder api)
    {
        api.MapGet("/users", () => Answer.Pages(host.Node.Topology.Users.Values.Select(Show))).For(Right.Administrator, "Lists users").WithPages();
        api.MapGet("/users/without-permissions", () => Answer.Pages(host.Node.Topology.Users.Values
            .Where(user => !host.Node.Topology.VirtualHosts.Values.Any(vhost => vhost.Permissions.ContainsKey(user.Name))).Select(Show)))
            .For(Right.Administrator, "Lists users who cannot open any virtual host").WithPages();
        api.MapPost("/users/bulk-delete", (Body body, Requester who) => Answer.To(who.Change(host.Node, new Commands(
            [.. (body.Words("users") ?? throw new BadRequestException("{key_missing,users}")).Select(user => new DeleteUser(user))]))))
            .For(Right.Administrator, "Deletes users").WithBody("""{"users":["anna","berta"]}""");
        api.MapGet("/users/{user}", (PathNames names) => Answer.OrNotFound(host.Node.Topology.FindUser(names["user"]) is { } user ? Show(user) : null))
            .For(Right.Administrator, "Shows a user");
        api.MapPut("/users/{user}", Put)
            .For(Right.Administrator, "Adds a user, or sets the password and tags of one; instead of the password its hash").WithBody("""{"password":"...","tags":"monitoring"}""");
        api.MapDelete("/users/{user}", (PathNames names, Requester who) => Answer.To(who.Change(host.Node, new DeleteUser(names["user"]))))
            .For(Right.Administrator, "Deletes a user");
        api.MapPut("/users/{user}/password", (PathNames names, Body body, Requester who) =>
            Answer.To(who.Change(host.Node, new ChangePassword(names["user"], body.TextOrNull("password") is { } password ? Hash(password) : PasswordHash.None))))
            .For(Right.Administrator, "Sets the password of a user (ours)").WithBody("""{"password":"..."}""");
        api.MapPut("/users/{user}/tags", (PathNames names, Body body, Requester who) =>
            Answer.To(who.Change(host.Node, new SetUserTags(names["user"], TagsIn(body)))))
            .For(Right.Administrator, "Sets the tags of a user (ours)").WithBody("""{"tags":["monitoring"]}""");
        api.MapPost("/users/{user}/authenticate", (PathNames names, Body body) => Answer.OrNotFound(
            host.Node.Topology.FindUser(names["user"]) is { } user ? new { authenticated = user.Password.Fits(body.Text("password")) } : null))
            .For(Right.Administrator, "Tells whether a password is that of a user (ours)").WithBody("""{"password":"..."}""");
        api.MapGet("/auth/hash_password/{password}", (PathNames names) =>
            Answer.Of(new { ok = Convert.ToBase64String(Hash(names["password"]).Bytes.AsSpan()) }))
            .For(Right.Administrator, "Shows the hash of a password, as definitions have it");
    }

    public static object Show(User user) => new
    {
        name = user.Name,
        password_hash = Convert.ToBase64String(user.Password.Bytes.AsSpan()),
        hashing_algorithm = user.Password.Algorithm.Text(),
        tags = user.Tags,
        limits = LimitEndpoints.Show(user.Limits),
    };

    private async Task<IResult> Put(PathNames names, Body body, HttpRequest request, Requester who)
    {
        var (name, password, tags) = (names["user"], PasswordIn(body, HashingAlgorithm.Sha256), TagsIn(body));
        var isNew = host.Node.Topology.FindUser(name) is null;
        if (!isNew && request.Headers.IfNoneMatch == "*") return Answer.Exists;
        var result = await who.Change(host.Node, isNew
            ? new AddUser(name, password, tags)
            : new Commands([new ChangePassword(name, password), new SetUserTags(name, tags)]));
        return result.Error is { } error ? Answer.Error(error) : Answer.Put(isNew);
    }

    /// <param name="otherwise">Of a hash that does not say what it is.</param>
    /// <exception cref="BadRequestException">There is none, or a hash that cannot be one.</exception>
    public static PasswordHash PasswordIn(Body body, HashingAlgorithm otherwise)
    {
        if (body.TextOrNull("password") is { } password) return Hash(password);
        var hash = body.TextOrNull("password_hash")
            ?? throw new BadRequestException("a user needs a password or a password_hash; an empty password_hash is for users who log in without");
        if (hash.Length == 0) return PasswordHash.None;
        var algorithm = otherwise;
        if (body.TextOrNull("hashing_algorithm") is { } text && !HashingAlgorithms.TryParse(text, out algorithm))
            throw new BadRequestException($"the hashing algorithm '{text}' is not known here");
        var bytes = new byte[hash.Length];
        if (!Convert.TryFromBase64String(hash, bytes, out var length) || length <= PasswordHash.SaltBytes)
            throw new BadRequestException("the password_hash is not base64 of a salt and a hash");
        return new PasswordHash(algorithm, [.. bytes.AsSpan(0, length)]);
    }

    private static PasswordHash Hash(string password)
    {
        if (password.Length == 0) throw new BadRequestException("the password must not be empty");
        return PasswordHash.Of(password, RandomNumberGenerator.GetBytes(PasswordHash.SaltBytes));
    }

    public static ImmutableArray<string> TagsIn(Body body) =>
        [.. body.Words("tags") ?? throw new BadRequestException("tags are missing; an empty text is for a user without any")];
}
