// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {Errors} from "./libraries/Errors.sol";
import {Events} from "./libraries/Events.sol";
import {Keys} from "./libraries/Keys.sol";
import {IIncome, ISettlement} from "./interfaces/Modules.sol";

/// @title Staking on models, on hosts and as auditor: a share of fees, against the loss of a part by proof.
/// @notice A pool is a reward key (MODEL_POOL | model, HOST_POOL | contributor, AUDITORS). Stakes hold shares of its assets;
/// assets only fall by slashing, which the audit contract alone does, and only by a proof or a missed deadline.
contract Staking is IIncome {
    using SafeCast for uint256;

    /// @notice Longer than the two audit epochs in which a batch can be convicted.
    uint256 public constant UNBONDING = 21 days;
    /// @notice The most that one proof can take, in 1/10,000, so that a pool never falls to nothing.
    uint256 public constant MAX_SLASH = 5_000;
    /// @dev Income is kept times 2^96, so that no fraction is ever lost: it waits with its staker.
    uint256 private constant SCALE = 1 << 96;

    struct Pool {
        uint128 shares;
        uint128 assets;
        uint256 perShare; // scaled wei that one share has earned since the beginning
        uint256 rest; // scaled wei that do not divide by the shares yet
    }

    struct Stake {
        uint128 shares;
        uint128 leaving; // of the shares, those that unbond; they earn and can be slashed until they are out
        uint40 until;
        uint256 perShare;
        uint256 owed; // scaled wei
    }

    ISettlement public immutable settlement;
    address public immutable audit;
    address public immutable treasury;

    mapping(uint32 pool => Pool) private _pools;
    mapping(uint32 pool => mapping(address staker => Stake)) private _stakes;

    constructor(ISettlement settlement_, address audit_, address treasury_) {
        settlement = settlement_;
        audit = audit_;
        treasury = treasury_;
    }

    // ---- views

    function pool(uint32 key) external view returns (Pool memory) {
        return _pools[key];
    }

    function stakeOf(uint32 key, address staker) external view returns (Stake memory) {
        return _stakes[key][staker];
    }

    /// @notice What the stake is worth, without the part that unbonds.
    function valueOf(uint32 key, address staker) external view returns (uint256) {
        Stake storage s = _stakes[key][staker];
        return _worth(_pools[key], s.shares - s.leaving);
    }

    // ---- staking

    /// @notice Stakes from the caller's prepaid balance.
    function stake(uint32 key, uint128 amount) external {
        uint32 kind = Keys.kind(key);
        if (kind != Keys.MODEL_POOL && kind != Keys.HOST_POOL && key != Keys.AUDITORS) revert Errors.NotAllowed();
        Pool storage p = _pools[key];
        // Shares at the pool's price, rounded down: what is lost in the division stays with those who were there before.
        uint256 shares = p.shares == 0 ? amount : uint256(amount) * p.shares / p.assets;
        if (shares == 0) revert Errors.ZeroAmount();
        Stake storage s = _reckon(key, msg.sender);
        s.shares += shares.toUint128();
        p.shares += shares.toUint128();
        p.assets += amount;
        if (p.rest >= p.shares) _spread(p, 0);
        emit Events.Staked(key, msg.sender, amount);
        settlement.move(msg.sender, address(this), amount);
    }

    /// @notice Lets shares unbond. A further call adds to them and starts the time anew.
    function unbond(uint32 key, uint128 shares) external {
        Stake storage s = _reckon(key, msg.sender);
        if (shares == 0 || shares > s.shares - s.leaving) revert Errors.StakeTooSmall();
        s.leaving += shares;
        s.until = (block.timestamp + UNBONDING).toUint40();
        emit Events.Unbonding(key, msg.sender, shares, s.until);
    }

    function unstake(uint32 key) external returns (uint256 amount) {
        Stake storage s = _reckon(key, msg.sender);
        if (s.leaving == 0) revert Errors.NothingHere();
        if (block.timestamp < s.until) revert Errors.StillUnbonding(s.until);
        amount = _burn(key, s, s.leaving);
        s.leaving = 0;
        emit Events.Unstaked(key, msg.sender, amount);
        settlement.move(address(this), msg.sender, amount);
    }

    /// @notice Credits what a stake earned to its staker's prepaid balance. Anyone may call it.
    function collect(uint32 key, address staker) external returns (uint256 amount) {
        Stake storage s = _reckon(key, staker);
        amount = s.owed / SCALE;
        if (amount == 0) return 0;
        s.owed -= amount * SCALE;
        emit Events.PoolCollected(key, staker, amount);
        settlement.move(address(this), staker, amount);
    }

    function onIncome(uint32 key, uint256 amount) external {
        if (msg.sender != address(settlement)) revert Errors.NotAllowed();
        _spread(_pools[key], amount);
        emit Events.PoolIncome(key, amount);
    }

    // ---- slashing

    /// @notice Takes a part of a whole pool: its model's or host's fault was proved. Half to the prover, half to the treasury.
    function slashPool(uint32 key, uint256 part, address prover) external returns (uint256 amount) {
        if (msg.sender != audit) revert Errors.NotAllowed();
        if (part > MAX_SLASH) revert Errors.OutOfBounds("slash");
        Pool storage p = _pools[key];
        amount = p.assets * part / 10_000;
        p.assets -= amount.toUint128();
        _give(key, address(0), amount, prover);
    }

    /// @notice Takes a part of one stake: an auditor missed its deadline.
    function slashStake(uint32 key, address staker, uint256 part, address prover) external returns (uint256 amount) {
        if (msg.sender != audit) revert Errors.NotAllowed();
        if (part > MAX_SLASH) revert Errors.OutOfBounds("slash");
        Stake storage s = _reckon(key, staker);
        uint128 shares = (uint256(s.shares) * part / 10_000).toUint128();
        amount = _burn(key, s, shares);
        if (s.leaving > s.shares) s.leaving = s.shares;
        _give(key, staker, amount, prover);
    }

    // ---- inside

    function _give(uint32 key, address staker, uint256 amount, address prover) private {
        emit Events.Slashed(key, staker, prover, amount);
        if (amount == 0) return;
        settlement.move(address(this), prover, amount / 2);
        settlement.move(address(this), treasury, amount - amount / 2);
    }

    /// @dev The last shares take all that is left.
    function _burn(uint32 key, Stake storage s, uint128 shares) private returns (uint256 amount) {
        Pool storage p = _pools[key];
        amount = _worth(p, shares);
        s.shares -= shares;
        p.shares -= shares;
        p.assets -= amount.toUint128();
    }

    function _worth(Pool storage p, uint256 shares) private view returns (uint256) {
        return p.shares == 0 ? 0 : shares * p.assets / p.shares;
    }

    function _spread(Pool storage p, uint256 amount) private {
        uint256 scaled = amount * SCALE + p.rest;
        if (p.shares == 0) {
            p.rest = scaled;
        } else {
            p.perShare += scaled / p.shares;
            p.rest = scaled % p.shares;
        }
    }

    function _reckon(uint32 key, address staker) private returns (Stake storage s) {
        Pool storage p = _pools[key];
        s = _stakes[key][staker];
        s.owed += s.shares * (p.perShare - s.perShare);
        s.perShare = p.perShare;
    }
}
